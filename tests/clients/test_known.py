"""What each client is given: everything to one model, real contexts, long enough time-outs."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.clients.claude_code import claude_code_env
from paddock.clients.known import CLIENTS, client_named
from paddock.clients.offer import Offer, offered, output_limit
from paddock.clients.setting import ClientFolders, ClientSettings, PrivatePlace
from paddock.clients.writing import changes, put_aside
from paddock.errors import ConfigError, ModelMissing, NoSuchThing, UnknownModel
from tests.clients.offers import OFFER, SCOUT, SEER

ISSUE = [
    "claude-code",
    "codex",
    "opencode",
    "aider",
    "continue",
    "open-webui",
    "zed",
    "vscode",
    "cline",
    "goose",
    "crush",
    "openclaw",
    "qwen-code",
    "openai",
    "anthropic",
]


def connected(name: str, home: Path, offer: Offer = OFFER) -> ClientSettings:
    folders = ClientFolders(own=home / "own" / name, home=home, config=home / ".config")
    return CLIENTS[name].connect(offer, folders)


def written(setting: ClientSettings) -> dict[str, Any]:
    """The content of each file, by its name."""
    return {c.path.name: _read(c.path.suffix, c.after.decode()) for c in changes(setting)}


def _read(suffix: str, text: str) -> Any:
    if suffix == ".toml":
        return tomllib.loads(text)
    if text.lstrip().startswith(("{", "[")):
        return json.loads(text)
    return {k: json.loads(v) for k, _, v in (line.partition(": ") for line in text.splitlines())}


def test_all_that_were_asked_for_are_known():
    assert sorted(CLIENTS) == sorted(ISSUE)


@pytest.mark.parametrize("name", ISSUE)
def test_what_is_written_can_be_read_and_a_second_time_changes_nothing(name: str, tmp_path: Path):
    setting = connected(name, tmp_path)
    for change in changes(setting):
        change.path.parent.mkdir(parents=True, exist_ok=True)
        change.path.write_bytes(change.after)
    written(setting)
    assert all(change.before == change.after for change in changes(connected(name, tmp_path)))
    assert setting.usage or setting.env


@pytest.mark.parametrize("name", ISSUE)
def test_no_key_is_given_away_as_an_argument(name: str, tmp_path: Path):
    client, offer = CLIENTS[name], replace(OFFER, key="secret")
    if client.run:
        assert "secret" not in " ".join(client.run(offer, tmp_path).args)


@pytest.mark.parametrize("name", ISSUE)
def test_no_other_model_is_asked_by_a_side_job(name: str, tmp_path: Path):
    client = CLIENTS[name]
    if client.run:
        named = {k: v for k, v in client.run(OFFER, tmp_path).env.items() if "MODEL" in k}
        assert {v for v in named.values() if not v.isdecimal()} <= {"scout", "1"}


def test_claude_code_keeps_its_prompt_as_it_is_and_waits(tmp_path: Path):
    env = written(connected("claude-code", tmp_path))["settings.json"]["env"]
    assert env["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == env["CLAUDE_CODE_SUBAGENT_MODEL"] == "scout"
    assert env["CLAUDE_CODE_ATTRIBUTION_HEADER"] == "0"
    assert env["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] == "131072"
    assert env["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "131072"
    assert int(env["API_TIMEOUT_MS"]) >= 1_800_000
    assert env["ANTHROPIC_API_KEY"] == ""


def test_codex_sums_up_while_a_long_answer_still_has_room(tmp_path: Path):
    for model in written(connected("codex", tmp_path))["paddock-models.json"]["models"]:
        room = output_limit({"scout": SCOUT, "seer": SEER}[model["slug"]])
        assert model["auto_compact_token_limit"] == model["context_window"] - room


@pytest.mark.parametrize(
    ("name", "context", "is_tight"),
    [
        ("claude-code", 32_768, True),
        ("claude-code", 65_536, False),
        ("claude-code", None, False),
        ("codex", 8_192, True),
        ("aider", 1_024, False),
    ],
)
def test_a_context_that_leaves_little_room_is_named_beforehand(
    name: str, context: int | None, is_tight: bool
):
    note = CLIENTS[name].tight(msgspec.structs.replace(SCOUT, context=context))
    assert bool(note) == is_tight


def test_claude_code_with_its_picker_is_held_to_no_model_but_for_the_tiers_it_lacks():
    env = claude_code_env(replace(OFFER, is_chosen=False))
    assert {name: env.get(name) for name in ("ANTHROPIC_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL")} == {
        "ANTHROPIC_MODEL": None,
        "CLAUDE_CODE_SUBAGENT_MODEL": None,
    }
    assert env["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "scout"


def test_claude_code_alone_with_paddock_lives_in_its_own_folder(tmp_path: Path):
    private = CLIENTS["claude-code"].private
    assert private
    place = PrivatePlace(tmp_path / "own", "corp.example")
    setting = private(OFFER, tmp_path / "run", place)
    assert setting.env["CLAUDE_CONFIG_DIR"] == str(place.folder)
    assert setting.env["NO_PROXY"] == setting.env["no_proxy"] == "corp.example,127.0.0.1"
    assert setting.env["CLAUDE_CODE_USE_BEDROCK"] == ""
    assert json.loads(setting.files[0].text)["sandbox"]["network"]["allowedDomains"] == [
        "127.0.0.1"
    ]
    models = json.loads(setting.files[1].text)["models"]
    assert [model["id"] for model in models] == ["anthropic-scout", "anthropic-seer"]
    for file in setting.first:
        file.path.parent.mkdir(exist_ok=True)
        file.path.write_text("mine")
    list(put_aside(setting))
    assert {file.path.read_text() for file in setting.first} == {"mine"}


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://127.1.2.3:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost:8080", True),
        ("http://localhost.example:8080", False),
        ("http://127.example.org:8080", False),
        ("http://192.168.1.2:8080", False),
        ("https://paddock.example", False),
    ],
)
def test_a_daemon_elsewhere_cannot_be_private(tmp_path: Path, url: str, is_here: bool):
    private = CLIENTS["claude-code"].private
    assert private
    offer, place = replace(OFFER, url=url), PrivatePlace(tmp_path, "")
    if is_here:
        assert private(offer, tmp_path, place).env
    else:
        with pytest.raises(ConfigError, match="not on this machine"):
            private(offer, tmp_path, place)


def test_openclaw_knows_limits_abilities_and_one_model_for_its_titles(tmp_path: Path):
    run = CLIENTS["openclaw"].run
    assert run
    [file] = run(OFFER, tmp_path).files
    config = json.loads(file.text)
    scout, seer = config["models"]["providers"]["paddock"]["models"]
    assert (scout["contextWindow"], scout["reasoning"]) == (131_072, True)
    assert (seer["maxTokens"], seer["input"]) == (512, ["text", "image"])
    defaults = config["agents"]["defaults"]
    assert defaults["model"]["primary"] == defaults["utilityModel"] == "paddock/scout"


def test_codex_knows_each_models_context(tmp_path: Path):
    files = written(connected("codex", tmp_path, replace(OFFER, key="secret")))
    config, catalog = files["paddock.config.toml"], files["paddock-models.json"]
    assert (config["model"], config["model_provider"]) == ("scout", "paddock")
    assert config["model_providers"]["paddock"]["experimental_bearer_token"] == "secret"
    windows = {model["slug"]: model["context_window"] for model in catalog["models"]}
    assert windows == {"scout": 131_072, "seer": 8192}


def test_opencode_and_continue_know_limits_and_abilities(tmp_path: Path):
    models = written(connected("opencode", tmp_path))["opencode.json"]["provider"]["paddock"][
        "models"
    ]
    assert models["seer"]["limit"] == {"context": 8192, "output": 512}
    assert (models["seer"]["attachment"], models["scout"]["tool_call"]) == (True, True)
    first, second = written(connected("continue", tmp_path))["paddock.yaml"]["models"]
    assert (first["model"], first["capabilities"]) == ("scout", ["tool_use"])
    assert second["defaultCompletionOptions"] == {"maxTokens": 512, "contextLength": 8192}


def test_qwen_code_knows_each_model_and_waits(tmp_path: Path):
    settings = written(connected("qwen-code", tmp_path))["settings.json"]
    assert settings["model"] == {"name": "scout"}
    scout, seer = settings["modelProviders"]["openai"]
    assert scout["generationConfig"]["contextWindowSize"] == 131_072
    assert seer["generationConfig"]["samplingParams"] == {"max_tokens": 512}
    assert seer["generationConfig"]["timeout"] == 1_800_000
    assert settings["env"][seer["envKey"]] == OFFER.token
    assert settings["memory"] == {"enableManagedAutoMemory": False}, "it reads every turn again"


def test_aider_leaves_the_temperature_to_the_profile(tmp_path: Path):
    files = written(connected("aider", tmp_path))
    assert files["models.yml"][0] == {"name": "openai/scout", "use_temperature": False}
    assert files["models.json"]["openai/seer"]["max_input_tokens"] == 8192
    assert files["aider.conf.yml"]["weak-model"] == "openai/scout"


def test_entries_of_others_stay(tmp_path: Path):
    crush = tmp_path / ".config" / "crush" / "crush.json"
    crush.parent.mkdir(parents=True)
    crush.write_text('{"providers": {"mine": {"id": "x"}}}')
    [change] = changes(connected("crush", tmp_path))
    assert sorted(json.loads(change.after)["providers"]) == ["mine", "paddock"]


def test_the_model_is_the_wanted_one_else_the_current_else_the_only_one():
    def main(wanted: str | None, current: str | None, *cards: Any) -> str:
        return offered(cards, url="http://x/", key=None, wanted=wanted, current=current).main.id

    assert main("seer", "scout", SCOUT, SEER) == "seer"
    assert main("s", None, SCOUT, SEER) == "scout"
    assert main(None, "seer", SCOUT, SEER) == "seer"
    assert main(None, None, SCOUT) == "scout"
    with pytest.raises(ModelMissing, match="which model"):
        main(None, None, SCOUT, SEER)
    free = offered((SCOUT, SEER), url="", key=None, wanted=None, current="seer", has_picker=True)
    assert (free.main.id, free.is_chosen) == ("seer", False)
    with pytest.raises(UnknownModel, match="nope"):
        main("nope", None, SCOUT)
    with pytest.raises(ModelMissing, match="no profile"):
        main(None, None, replaced(SCOUT, abilities=["embedding"]))


def replaced(card: Any, **fields: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(card, **fields)


def test_an_answers_limit_is_the_profiles_or_a_part_of_the_context():
    assert (output_limit(SEER), output_limit(SCOUT)) == (512, 32_000)
    assert output_limit(replaced(SEER, max_output=None)) == 2048


def test_a_client_is_found_by_its_program_too_and_the_nearest_is_named():
    assert client_named("claude").name == "claude-code"
    with pytest.raises(NoSuchThing, match="opencod") as refused:
        client_named("opencod")
    assert refused.value.hint == "did you mean opencode?"
