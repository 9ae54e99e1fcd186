"""A profile tried with other flags through a daemon: beside models.conf, in no file, gone with its client."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from paddock.api.chat import ask
from paddock.api.client import Client
from paddock.api.placement import Advice
from paddock.api.tunings import StudyBegun, Tuning, TuningNow
from paddock.errors import BadRequest, ConfigError, NoSuchThing, PaddockError, TuningRuns
from paddock.llama.scripted import ScriptedModel, write
from paddock.tuning.hold import StudyHold
from tests.yard import places, process

CONF = """
[alpha]
model = alpha.gguf
[ran]
model = ran.gguf
[spare]
model = spare.gguf
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    root = tmp_path_factory.mktemp("studies")
    paths = places(root / "yard", CONF)
    paths.models_dir.mkdir()
    for name in ("alpha", "ran", "spare"):
        write(paths.models_dir / f"{name}.gguf", ScriptedModel(say=f"I am {name}."))
    with process(paths) as own:
        yield own.url, paths.config


@contextmanager
def study(url: str) -> Iterator[tuple[Client, StudyBegun]]:
    """As a client has it; at the end of the block its line is cut, as by a kill."""
    client = Client(url)
    with StudyHold(client, "alpha", "chat") as begun:
        yield client, begun


def said(client: Client, model: str) -> str:
    return "".join(piece.text for piece in ask(client, model, "hi") if piece.kind == "content")


def until(client: Client, *live: str) -> None:
    """Wait for these profiles alone to be ready, by the events."""
    wanted = set(live)
    for _ in client.events():
        found = {(one.profile, one.phase) for one in client.status().instances}
        if found == {(name, "ready") for name in wanted}:
            return


def test_a_trial_has_other_flags_and_what_ran_comes_back_when_its_client_is_killed(
    daemon: tuple[str, Path],
) -> None:
    url, config = daemon
    before = config.read_bytes()
    Client(url).switch("ran")
    with study(url) as (client, begun):
        assert (begun.trial, begun.stops) == ("alpha@tune", ["ran"])
        info = client.try_with(begun.study, {"threads": "2", "ubatch-size": "64"})
        assert info.id == "alpha@tune"
        assert info.hidden
        assert [info.args[info.args.index(f) + 1] for f in ("--threads", "--ubatch-size")] == [
            "2",
            "64",
        ]
        assert client.plan("alpha@tune").fits
        client.unload("ran")
        assert client.switch("alpha@tune").outcome == "ready"
        assert said(client, "alpha@tune") == "I am alpha."
        assert "alpha@tune" not in [card.id for card in client.cards()]
        with pytest.raises(TuningRuns), Client(url).study("ran", "chat"):
            pass
        now = TuningNow(profile="alpha", goal="chat", step="trial 2", trials=2, gain=0.1)
        client.tuning_news(begun.study, now)
        assert client.tunings().running == now
    until(client, "ran")
    assert client.tunings().running is None
    assert "alpha@tune" not in [one.id for one in client.models()]
    assert config.read_bytes() == before
    for secret in (begun.study, "", "é"):
        with pytest.raises(NoSuchThing):
            client.try_with(secret, {})


def test_whoever_asks_another_model_in_a_study_is_served_and_that_model_stays(
    daemon: tuple[str, Path],
) -> None:
    url, _ = daemon
    Client(url).unload()
    with study(url) as (client, begun):
        client.try_with(begun.study, {"threads": "2"})
        client.switch(begun.trial)
        assert said(client, "ran") == "I am ran."
    until(client, "ran")


REFUSED: list[tuple[dict[str, str | None], type[PaddockError]]] = [
    ({"model": "/etc/passwd"}, BadRequest),
    ({"host": "0.0.0.0"}, BadRequest),
    ({"threads": "2\nhost = 0.0.0.0"}, BadRequest),
    ({"threads": ""}, BadRequest),
    ({"threads": "many"}, ConfigError),
    ({"load-mode": "nonsense"}, ConfigError),
]


def test_a_trial_changes_nothing_but_what_is_tuned(daemon: tuple[str, Path]) -> None:
    with study(daemon[0]) as (client, begun):
        for changes, error in REFUSED:
            with pytest.raises(error):
                client.try_with(begun.study, changes)
        assert "alpha@tune" not in [one.id for one in client.models()]


def test_studies_are_kept_and_replaced_by_their_number(daemon: tuple[str, Path]) -> None:
    client = Client(daemon[0])
    tuning = Tuning(profile="alpha", goal="agent", begun_at="2026-11-30T10:00:00+00:00")
    tuning.id = client.keep_tuning(tuning)
    assert client.keep_tuning(tuning) == tuning.id
    kept = client.tuning(tuning.id)
    assert kept.files, "the daemon notes which files they were"
    assert [one.id for one in client.tunings("alpha").tunings] == [tuning.id]
    assert client.tunings("ran").tunings == []
    with pytest.raises(NoSuchThing):
        client.tuning(tuning.id + 1)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, ""),
        ({"engine_version": "b1"}, "the engine is "),
        ({"devices": "CUDA 12.4, NVIDIA H200"}, "driver or devices are other ones: "),
        ({"files": "0123456789abcdef"}, "its file was replaced"),
    ],
    ids=["nothing", "build", "driver", "file"],
)
def test_doctor_names_a_tuning_that_was_written_for_something_else(
    daemon: tuple[str, Path], other: dict[str, str], said: str
) -> None:
    client = Client(daemon[0])
    client.switch("ran")
    load = client.history("ran", 1).loads[0]
    now: dict[str, Any] = {
        "engine": load.engine,
        "engine_version": load.engine_version,
        "devices": load.devices,
    }
    tuning = Tuning(profile="ran", goal="chat", begun_at="2026-11-30T10:00:00+00:00", **{**now, **other})  # fmt: skip
    tuning.id = client.keep_tuning(tuning)

    def named() -> list[Advice]:
        return [one for one in client.doctor(["ran"]).advice if one.code == "stale-tuning"]

    try:
        assert named() == [], "it is in no file yet"
        tuning.applied_at = "2026-11-30T11:00:00+00:00"
        client.keep_tuning(tuning)
        found = named()
        assert len(found) == bool(said)
        for one in found:
            assert said in one.message
            assert one.hint == "`paddock tune ran --for chat` measures it anew"
    finally:
        tuning.applied_at = ""
        client.keep_tuning(tuning)


def test_doctor_names_a_tuning_whose_file_was_really_replaced(daemon: tuple[str, Path]) -> None:
    client, file = Client(daemon[0]), daemon[1].parent / "models" / "spare.gguf"
    tuning = Tuning(profile="spare", goal="chat", begun_at="2026-11-30T10:00:00+00:00", applied_at="2026-11-30T11:00:00+00:00")  # fmt: skip
    client.keep_tuning(tuning)

    def named() -> list[str]:
        advice = client.doctor(["spare"]).advice
        return [one.message for one in advice if one.code == "stale-tuning"]

    assert named() == []
    file.unlink()
    write(file, ScriptedModel(say="Another one."))
    assert [message.endswith("its file was replaced") for message in named()] == [True]
