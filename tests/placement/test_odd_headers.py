"""Whatever is stored under a key that is read: facts of which everything can be made, or an error
that names the key. Every key is tried with every type."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from paddock.config.cards import card
from paddock.config.claims import contradictions
from paddock.config.model_folder import ModelFile
from paddock.config.model_kinds import sort_out
from paddock.llama import gguf_read
from paddock.llama.gguf import Facts, GgufError
from paddock.llama.gguf_read import read_facts
from paddock.placement.draft import entries
from paddock.placement.draft_machine import machine_of
from paddock.placement.draft_text import DraftOutline, text
from paddock.placement.estimate import estimated
from paddock.placement.fact_lines import fact_lines
from tests.llama.odd import GgufHeader, Recording, Value, every_value, number, odd_file, sane
from tests.placement.ground import around, gpu, written

# Each asks for keys that the others do not.
ARCHITECTURES = [
    "llama", "gemma3", "gemma3n", "jamba", "mamba", "qwen35", "rwkv7", "lfm2", "minimax-01",
    "nemotron_h", "kimi-linear", "deepseek2", "clip", "bert",
]  # fmt: skip
# A model of one of these kinds lets the keys of the others be asked for too.
STATES = {
    "rwkv7": {"wkv.head_size": 16},
    "lfm2": {"shortconv.l_cache": 3},
    "kimi-linear": {"kda.head_dim": 16},
    "jamba": {"ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16},
    "gemma3": {"attention.sliding_window": 512},
}
HERE = around(gpu("CUDA0", 24_000, id_="0000:01:00.0"))


def whole(arch: str) -> dict[str, Value]:
    extra = {f"{arch}.{k}": number("u32", v) for k, v in STATES.get(arch, {}).items()}
    return {**sane(arch), **extra}


def keys_read(arch: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every key of such a file that the reader looks at."""
    made: list[Recording] = []

    def recorded(fields: dict[str, object]) -> GgufHeader:
        made.append(Recording(fields))  # type: ignore[arg-type]
        return GgufHeader(made[0])

    with monkeypatch.context() as patch:
        patch.setattr(gguf_read, "GgufHeader", recorded)
        read_facts(odd_file(folder / "asked.gguf", whole(arch)))
    return sorted(made[0].asked | {"general.alignment", "split.count", "split.no", "split.tensors.count"})  # fmt: skip


def odd_files(
    arch: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Value, Path]]:
    """Of the keys that any architecture has, all values are tried with the first, some with the others."""
    values = list(every_value())
    first = {key.removeprefix("llama.") for key in keys_read("llama", folder, monkeypatch)}
    for key in keys_read(arch, folder, monkeypatch):
        is_shared = arch != "llama" and key.removeprefix(f"{arch}.") in first
        for value in values[len(key) % 7 :: 7] if is_shared else values:
            yield key, value, odd_file(folder / "m.gguf", {**whole(arch), key: value}, tensors=4)


@pytest.mark.long
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_key_with_every_type_gives_facts_of_use_or_an_error_that_names_it(
    arch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tried = 0
    for key, value, path in odd_files(arch, tmp_path, monkeypatch):
        tried += 1
        facts = answer_for(path)
        if isinstance(facts, Facts):
            use(facts, path)
        else:
            assert key in facts.message or key == "split.count", (key, value, facts)
    assert tried > 200


def answer_for(path: Path) -> Facts | GgufError:
    try:
        return read_facts(path)
    except GgufError as error:
        return error


def use(facts: Facts, path: Path) -> None:
    """Make of them all that is ever made."""
    assert msgspec.json.decode(msgspec.json.encode(facts), type=Facts) == facts
    profile = written("--ctx-size 2147483647", model=path)
    plan = estimated(profile, facts, HERE)
    json.loads(msgspec.json.encode(plan))
    msgspec.json.encode(card(profile, facts))
    contradictions(facts, ["a dense 7B", "a MoE with 61 layers"])
    shown = "".join(fact_lines(profile, facts).values())
    assert shown.isprintable()
    drafted(facts, path)


def drafted(facts: Facts, path: Path) -> None:
    found = sort_out([(ModelFile(path, path.parent), facts)])
    machine = machine_of(HERE.readings, models={})
    outline = DraftOutline(
        path.parent, date(2026, 1, 1), machine,
        list(entries(found.models, machine)), found.drafts, found.left_out, str,
    )  # fmt: skip
    assert "\x1b" not in text(outline)


@pytest.mark.parametrize("key", ["context_length", "attention.head_count_kv", "expert_count"])
def test_a_number_that_is_none_is_unknown_and_noted(key: str, tmp_path: Path):
    for value in every_value():
        fields = {**sane("llama"), f"llama.{key}": value}
        facts = read_facts(odd_file(tmp_path / "m.gguf", fields))
        known = {"context_length": facts.n_ctx_train, "expert_count": facts.experts}.get(key)
        is_plain = value.name.startswith("u32") and "429" not in value.name
        is_noted = any(f"llama.{key} is" in doubt for doubt in facts.doubts)
        assert is_noted != is_plain or value.name.startswith("["), (value, facts.doubts)
        assert known is None or 0 <= known <= 2**31


def test_a_number_of_another_width_is_still_that_number(tmp_path: Path):
    for kind in ("u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"):
        fields = {**sane("llama"), "llama.expert_count": number(kind, 8)}
        assert read_facts(odd_file(tmp_path / "m.gguf", fields)).experts == 8
