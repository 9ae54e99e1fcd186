"""`paddock engine`: named, tried, promoted, gone back from; also while a daemon runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from paddock.api.events import ConfigChanged
from tests.cli.conftest import Home, Paddock, Result
from tests.engine.stand_in import frail_engine, source_tree
from tests.engine.test_build import needs_compiler
from tests.yard import engine_command, wrapper


@pytest.fixture
def engine(paddock: Paddock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`paddock engine …` over a folder of its own, which remembers nothing yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    conf = tmp_path / "conf" / "models.conf"
    conf.parent.mkdir()

    def call(*words: object) -> Result:
        return paddock("engine", *words, "--config", conf)

    return call


def listed(engine) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(engine("list", "--json").out)}


def test_an_engine_is_named_looked_at_and_taken_out(engine, tmp_path: Path):
    path = wrapper(tmp_path / "mine", "")
    added = engine(
        "add", "mine", "--path", path, "--note", "our fix", "--url", "https://example.org/1",
        "--env", "A=1", "--flags", "--threads 2", "--patch", "shift",
    )  # fmt: skip
    assert added.status == 0, added.err
    one = listed(engine)["mine"]
    assert (one["note"], one["url"], one["patches"]) == (
        "our fix",
        "https://example.org/1",
        ["shift"],
    )
    assert (one["env"], one["flags"], one["default"]) == ({"A": "1"}, ["--threads", "2"], False)
    assert one["flags_known"] > 100
    printed = engine("list").out
    assert "shift; our fix" in printed
    assert "https://example.org/1" in printed
    shown = engine("show", "mine").out
    assert "devices" in shown
    assert "never" in shown
    assert engine("default", "mine").status == 0
    assert listed(engine)["mine"]["default"]
    refused = engine("remove", "mine")
    assert (refused.status, "is the default engine" in refused.err) == (1, True)


def test_what_is_no_llama_server_gets_no_name(engine, tmp_path: Path):
    refused = engine("add", "mine", "--path", "/bin/true")
    assert refused.status == 1
    assert "is no llama-server" in refused.err
    assert "mine" not in listed(engine)


def test_an_engine_that_is_gone_is_listed_with_what_is_wrong(engine, tmp_path: Path):
    path = wrapper(tmp_path / "mine", "")
    engine("add", "mine", "--path", path)
    path.unlink()
    assert "there is no program" in listed(engine)["mine"]["error"]
    assert "there is no program" in engine("list").out


def test_an_engine_that_profiles_name_stays(engine, tmp_path: Path):
    engine("add", "mine", "--path", wrapper(tmp_path / "mine", ""))
    conf = tmp_path / "conf" / "models.conf"
    conf.write_text("[a]\nmodel = a.gguf\nengine = mine\n")
    refused = engine("remove", "mine")
    assert refused.status == 1
    assert "a in" in refused.err
    conf.write_text("[a]\nmodel = a.gguf\n")
    assert engine("remove", "mine").status == 0
    assert "mine" not in listed(engine)


def test_a_build_that_dies_on_long_prompts_is_not_promoted(engine, tmp_path: Path):
    engine("add", "good", "--path", wrapper(tmp_path / "good", ""))
    engine("add", "bad", "--path", frail_engine(tmp_path / "bad"))
    engine("default", "good")
    refused = engine("promote", "bad")
    assert "bad was not tested" in refused.err
    tried = engine("test", "bad", "--json")
    assert tried.status == 1
    printed = json.loads(tried.out)
    assert (printed["safe"], printed["against"]) == (False, "good")
    failed = {f["what"] for f in printed["findings"] if f["judgement"] == "failed"}
    assert failed == {"100 tokens", "2,000 tokens", "process", "tool call"}
    refused = engine("promote", "bad")
    assert (refused.status, "bad did not pass its test" in refused.err) == (1, True)
    assert "GGML_ASSERT" in refused.err
    assert listed(engine)["good"]["default"]
    assert listed(engine)["bad"]["tried"]["passed"] is False
    assert engine("promote", "bad", "--force").status == 0
    assert listed(engine)["bad"]["default"]


def test_a_build_that_was_replaced_counts_as_not_tested(engine, tmp_path: Path):
    path = wrapper(tmp_path / "mine", "")
    engine("add", "mine", "--path", path)
    assert engine("test", "mine").status == 0
    wrapper(tmp_path / "mine", "true")
    assert "mine was not tested" in engine("promote", "mine").err
    assert listed(engine)["mine"]["tried"] is None


def test_there_is_nothing_to_go_back_to_at_first(engine):
    result = engine("rollback")
    assert (result.status, "no default to go back to" in result.err) == (1, True), result


def test_the_next_switch_runs_on_what_was_promoted_and_a_rollback_goes_back(
    program: Paddock, home: Home, tmp_path: Path
):
    def engine(*words: object) -> Result:
        done = program("engine", *words, "--config", home.folder / "models.conf")
        assert done.status == 0, done.err
        return done

    def running() -> dict[str, str]:
        return {i.profile: i.engine for i in home.client.status().instances}

    def switched(model: str) -> dict[str, str]:
        assert program("switch", model).status == 0
        return running()

    engine("add", "old", "--path", wrapper(tmp_path / "old", ""))
    engine("add", "new", "--path", wrapper(tmp_path / "new", ""))
    engine("default", "old")
    program(*home.start)
    assert switched("alpha") == {"alpha": "old"}
    printed = engine("test", "new", "--against", "old").out
    assert "new is safe: `paddock engine promote new` makes it the default" in printed
    engine("promote", "new")
    assert running() == {"alpha": "old"}, "it goes on running"
    assert switched("alpha") == {"alpha": "new"}
    engine("rollback")
    assert switched("beta") == {"beta": "old"}


@pytest.mark.native
def test_two_real_builds_one_compiled_here_and_one_from_a_wheel(
    program: Paddock, home: Home, tmp_path: Path
):
    if len(engine_command()) > 1:
        pytest.skip("there is no native llama-server here")

    def engine(*words: object) -> Result:
        done = program("engine", *words, "--config", home.folder / "models.conf")
        assert done.status == 0, done.err
        return done

    def running() -> dict[str, str]:
        return {i.profile: i.engine for i in home.client.status().instances}

    engine("add", "compiled", "--path", engine_command()[0])
    engine("default", "compiled")
    program(*home.start)
    assert program("switch", "alpha").status == 0
    assert running() == {"alpha": "compiled"}
    assert "embedded is safe" in engine("test", "embedded", "--against", "compiled").out
    for order, runs in ((("promote", "embedded"), "embedded"), (("rollback",), "compiled")):
        with home.client.watch() as events:
            next(events)
            engine(*order)
            assert any(isinstance(event, ConfigChanged) for event in events)
        assert program("switch", "alpha").status == 0
        assert running() == {"alpha": runs}


@needs_compiler
def test_a_build_gets_a_name_shows_its_way_and_waits_to_be_promoted(engine, tmp_path: Path):
    tree = source_tree(tmp_path / "llama.cpp")
    built = engine("build", "--source", tree, "--name", "next", "--note", "waits for a fix")
    assert built.status == 0, built.err
    assert "compiling" in built.err
    one = listed(engine)["next"]
    assert (one["note"], one["default"]) == ("waits for a fix", False)
    assert one["version"].startswith("0.1")
    again = engine("build", "--source", tmp_path / "nowhere", "--name", "other")
    assert again.status == 1
    assert "other" not in listed(engine)
