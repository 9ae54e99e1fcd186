"""What users see of a profile, from its flags and its file's facts."""

from pathlib import Path

import pytest

from paddock.config.cards import card, context_asked
from paddock.config.profile import Flag, Origin, Profile
from paddock.llama.flags import parse_help
from paddock.llama.gguf import Facts
from paddock.llama.samplers import FLAG_OF

HERE = Origin("m", "K", 1)
CHATTY = ("tools", "thinking", "system")


def profile(**flags: str) -> Profile:
    given = [Flag(f"--{n.replace('_', '-')}", (v,) if v else (), HERE) for n, v in flags.items()]
    return Profile("m", 1, Path("/nowhere/m.gguf"), tuple(given))


def facts(*template: str, architecture: str = "llama") -> Facts:
    return Facts(
        architecture=architecture,
        n_layers=1,
        kv_layers=1,
        n_ctx_train=8192,
        size_bytes=1,
        file_type="MOSTLY_Q4_K_M",
        shards=("m.gguf",),
        has_template=bool(template),
        template=template,
    )


@pytest.mark.parametrize(
    ("flags", "tokens"),
    [
        ({"ctx_size": "4096"}, 4096),
        ({"ctx_size": "4096", "parallel": "2"}, 2048),
        ({"ctx_size": "4096", "parallel": "2", "kv_unified": ""}, 4096),
        ({"ctx_size": "4096", "parallel": "-1"}, 4096),
        ({"ctx_size": "0"}, None),
        ({}, None),
    ],
)
def test_the_context_of_one_request(flags: dict[str, str], tokens: int | None):
    assert context_asked(profile(**flags)) == tokens


def test_what_was_measured_comes_before_what_was_asked_and_that_before_the_training():
    assert card(profile(ctx_size="4096"), facts(), n_ctx=3000).context == 3000
    assert card(profile(ctx_size="4096"), facts()).context == 4096
    assert card(profile(), facts()).context == 8192
    assert card(profile(), None).context is None


@pytest.mark.parametrize(
    ("flags", "template", "abilities"),
    [
        ({}, CHATTY, ["completion", "chat", "tools", "thinking"]),
        ({}, (), ["completion"]),
        ({"no_jinja": ""}, CHATTY, ["completion", "chat", "thinking"]),
        ({"reasoning": "off"}, CHATTY, ["completion", "chat", "tools"]),
        ({"reasoning_budget": "0"}, CHATTY, ["completion", "chat", "tools"]),
        ({"chat_template": "chatml"}, CHATTY, ["completion", "chat"]),
        ({"embeddings": ""}, CHATTY, ["embedding"]),
        ({"reranking": ""}, CHATTY, ["rerank"]),
    ],
)
def test_what_a_model_can_do(flags: dict[str, str], template: tuple[str, ...], abilities):
    assert card(profile(**flags), facts(*template)).abilities == abilities


def test_an_encoder_embeds_whatever_its_flags():
    assert card(profile(), facts(architecture="nomic-bert")).abilities == ["embedding"]


def test_samplers_are_reported_in_the_words_of_requests():
    flags = {"temperature": "0.7", "top_k": "20", "typical_p": "odd", "mirostat_lr": "0.1"}
    found = card(profile(**flags, n_predict="512"), facts())
    assert found.samplers == {"temperature": 0.7, "top_k": 20.0, "mirostat_eta": 0.1}
    assert found.max_output == 512


def test_every_sampler_flag_is_one_of_the_engines():
    help_text = (Path(__file__).parents[1] / "llama" / "help-11434.txt").read_text()
    assert {spec.name for spec in parse_help(help_text).specs} >= set(FLAG_OF.values())
