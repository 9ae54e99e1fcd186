"""`paddock history` against a real daemon, with a past that was written down and a load that is real."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.client import Client
from paddock.api.placement import Buffer, History, LoadEntry, Placement, Reason, Verdict
from paddock.api.stats import Alternation, Remedy
from paddock.api.switches import SwitchEntry, SwitchHistory, SwitchPhase
from paddock.cli.verbs.stats import _lines
from paddock.daemon.history import store as history
from tests.cli.conftest import Paddock
from tests.yard import places, process

CONF = """
[alpha]
model = alpha.gguf
aliases = first
[quiet]
model = beta.gguf
"""
PLACEMENT = Placement(
    buffers=[
        Buffer(device="CUDA0", kind="model", mib=3000.0),
        Buffer(device="CUDA0", kind="context", mib=1096.0),
        Buffer(device="Host", kind="model", mib=500.0),
    ],
    layers=49,
    layers_offloaded=49,
    layers_overflowing=3,
    graph_splits=8,
    graph_splits_tg=2,
    n_ctx=32768,
)
SLOW = Verdict(
    state="degraded",
    reasons=[
        Reason(code="slower", message="a quarter slower than before"),
        Reason(code="spill", message="3 layers overflow"),
    ],
)


def load(at: str, seconds: float, **fields: Any) -> LoadEntry:
    usual = {"profile": "old", "instance": "old.1", "fingerprint": "f2", "engine": "native"}
    usual |= {"engine_version": "b2", "devices": "CUDA 13", "outcome": "ready"}
    return LoadEntry(ended_at=at, seconds=seconds, **usual | fields)


# Oldest first, each with the speeds that it was measured at: (generation, prompt), tokens/s.
PAST: list[tuple[LoadEntry, list[tuple[float, float | None]]]] = [
    (load("2026-11-20T10:00:00Z", 2.0, fingerprint="f1", engine_version="b1"), [(30.0, None)]),
    (
        load(
            "2026-11-21T10:00:00Z",
            0.2,
            outcome="failed",
            cause="out of memory",
            devices="",
            engine="/opt/llama.cpp/llama-server",
        ),
        [],
    ),
    (load("2026-11-22T10:00:00Z", 75.0, devices="CUDA 12", verdict=SLOW), [(20.0, 400.0)]),
    (
        load("2026-11-23T10:00:00Z", 2.5, placement=PLACEMENT, verdict=Verdict(state="verified")),
        [(39.0, 700.0), (40.0, 800.0), (90.0, 900.0)],
    ),
]


SWITCHES = [
    SwitchEntry(
        profile="old", instance="old.1", ended_at="2026-11-22T10:00:00Z", seconds=9.5,
        outcome="ready", left=["other"], prompt_tokens=1800, read_again=1700,
        phases=[
            SwitchPhase(name="stopping", seconds=1.5, part="other"),
            SwitchPhase(name="loading", seconds=5.0, part="text_model"),
            SwitchPhase(name="loading", seconds=3.0, part="mmproj_model"),
            SwitchPhase(name="first-token", seconds=0.25),
        ],
    ),
    SwitchEntry(
        profile="other", instance="other.2", ended_at="2026-11-23T10:00:00Z", seconds=0.1,
        outcome="failed", phases=[SwitchPhase(name="starting", seconds=0.1)],
    ),
]  # fmt: skip


async def write_down(path: Path) -> None:
    book = await history.HistoryStore.open(path)
    await book.add_load(load("2026-11-20T10:00:00Z", 0.2, profile="broken", outcome="failed"))
    for entry, speeds in PAST:
        number = await book.add_load(entry)
        for generation, prompt in speeds:
            await book.add_speed(
                number,
                at=entry.ended_at,
                prompt=prompt,
                generation=generation,
                prompt_tokens=100,
                generated_tokens=50,
                source="traffic",
            )
    for switch in SWITCHES:
        await book.add_switch(switch)
    await book.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[str]:
    """A daemon that remembers `old`, which models.conf no longer has."""
    paths = places(tmp_path_factory.mktemp("home"), CONF)
    paths = msgspec.structs.replace(paths, models_dir=models)
    paths.state_dir.mkdir()
    asyncio.run(write_down(paths.state_dir / "history.sqlite"))
    with process(paths) as daemon:
        yield daemon.url


@pytest.fixture
def filled(paddock: Paddock, url: str, monkeypatch: pytest.MonkeyPatch) -> Paddock:
    monkeypatch.setenv("PADDOCK_URL", url)

    def call(*args: object) -> Any:
        result = paddock("history", *args)
        assert (result.status, result.err) == (0, "")
        return result

    return call


def cells(out: str) -> list[dict[str, str]]:
    """The rows of the table by their headers, each of which begins where its column does."""
    lines = out.split("\n\n")[1].splitlines()
    head, *rows = (line.ljust(max(map(len, lines))) for line in lines)
    columns = list(re.finditer(r"(\w+(?: \w+)*) *", head))
    return [{c[1]: row[c.start() : c.end()].strip() for c in columns} for row in rows]


def test_switches_are_a_table_with_a_column_for_each_phase(filled: Paddock) -> None:
    failed, ready = cells("\n\n" + filled("--switches").out)
    when = datetime.fromisoformat("2026-11-22T10:00:00Z").astimezone()
    assert ready == {
        "WHEN": when.strftime("%Y-%m-%d %H:%M:%S"),
        "PROFILE": "old",
        "OUTCOME": "ready",
        "SECONDS": "9.50",
        "STOPPING": "1.50",
        "STARTING": "",
        "LOADING": "8.00",
        "FIRST TOKEN": "0.25",
        "READ AGAIN": "1,700 tokens",
        "LEFT FOR IT": "other",
    }
    assert (failed["PROFILE"], failed["OUTCOME"], failed["STARTING"]) == ("other", "failed", "0.10")
    [only] = cells("\n\n" + filled("old", "--switches").out)
    assert only["PROFILE"] == "old"
    found = msgspec.json.decode(filled("--switches", "--json", "-n", 1).out, type=SwitchHistory)
    assert [msgspec.structs.replace(e, id=0) for e in found.switches] == SWITCHES[1:]


def test_statistics_say_what_switches_cost(paddock: Paddock, url: str) -> None:
    result = paddock("stats", "--since", "2026-11-22", "--url", url)
    assert result.status == 0
    assert re.search(r"old +1 +9.5 s +1,700 tokens", result.out)
    assert re.search(r"all +2 +1 +9.6 s", result.out)
    found = json.loads(paddock("stats", "--since", "2026-11-23", "--url", url, "--json").out)
    assert [row["profile"] for row in found["profiles"]] == ["other"]
    assert paddock("stats", "--since", "1s", "--url", url).out.startswith("nothing was switched")
    assert paddock("stats", "--since", "soon", "--url", url).status == 1


def test_under_two_that_alternate_stands_what_would_end_it() -> None:
    row = Alternation(
        one="a", other="b", times=14, waited=92.0, loading=70.0, read_again=1200,
        read_again_seconds=2.0, fits=False, why="CUDA0: 12.0 GiB and 14.0 GiB, of 23.0 GiB",
        remedies=[Remedy(message="with ctx-size = 16384 in b both fit", source="estimate")],
    )  # fmt: skip
    assert _lines(row) == [
        "a and b made each other leave 14 times: 1 min 32 s of waiting, 1 min 10 s of loading, "
        "1,200 tokens read again (2.0 s)",
        "together they do not fit: CUDA0: 12.0 GiB and 14.0 GiB, of 23.0 GiB",
        "with ctx-size = 16384 in b both fit (by an estimate)",
    ]


def test_loads_are_of_a_profile(paddock: Paddock, url: str) -> None:
    result = paddock("history", "--url", url)
    assert result.status == 1
    assert "no profile is named" in result.err


def test_the_table_lists_each_load_the_newest_first(filled: Paddock) -> None:
    newest, slow, failed, oldest = cells(filled("old").out)
    when = datetime.fromisoformat("2026-11-23T10:00:00Z").astimezone()
    assert newest == {
        "WHEN": when.strftime("%Y-%m-%d %H:%M:%S"),
        "OUTCOME": "ready",
        "LOADED IN": "2.5 s",
        "CONTEXT": "32768",
        "PLACEMENT": "CUDA0 4.0 GiB, Host 500 MiB",
        "LAYERS": "49/49, 3 overflowing",
        "SPLITS": "8 (generation 2)",
        "SPEED": "40.0 t/s, prompt 800 t/s",
        "VERDICT": "verified",
        "ENGINE": "native b2",
        "DIFFERS IN": "",
    }
    assert slow["VERDICT"] == "degraded: a quarter slower than before"
    assert slow["DIFFERS IN"] == "devices"
    assert (failed["OUTCOME"], failed["VERDICT"]) == ("failed", "out of memory")
    assert (failed["SPEED"], failed["DIFFERS IN"]) == ("", "")  # its devices are not known
    assert failed["ENGINE"] == "llama-server b2"
    assert (oldest["SPEED"], oldest["DIFFERS IN"]) == ("30.0 t/s", "profile, engine")


def test_above_it_speeds_and_load_times_run_from_old_to_new(filled: Paddock) -> None:
    assert filled("old").out.split("\n\n")[0].splitlines() == [
        "generation  ▅ ▁█  min 20.0 t/s, median 30.0 t/s, max 40.0 t/s",
        "load time   ▁ █▁  min 2.0 s, median 2.5 s, max 1 min 15 s",
    ]


def test_where_nothing_succeeded_there_is_the_table_alone(filled: Paddock) -> None:
    assert filled("broken").out.startswith("WHEN")


def test_as_many_as_asked_for(filled: Paddock) -> None:
    assert len(cells(filled("old", "-n", 2).out)) == 2
    assert filled("old", "--limit", 1).out.startswith("generation  ▅  min 40.0")


def test_programs_get_the_apis_own_type(filled: Paddock, url: str) -> None:
    found = msgspec.convert(json.loads(filled("old", "--json").out), History)
    assert found == Client(url).history("old")
    assert [entry.id for entry in found.loads] == [5, 4, 3, 2]
    assert (found.loads[0].generation, found.loads[0].samples) == (40.0, 3)


def test_a_terminal_without_block_characters_gets_ascii(url: str) -> None:
    environ = os.environ | {"PADDOCK_URL": url, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "paddock", "history", "old"]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("generation  + .@  min")


def test_a_real_load_is_found_by_its_alias(filled: Paddock, url: str) -> None:
    assert Client(url).switch("alpha").outcome == "ready"
    [row] = cells(filled("first").out)
    assert row["OUTCOME"] == "ready"
    assert "Host" in row["PLACEMENT"]
    assert row["ENGINE"]


def test_what_was_never_loaded_is_said_so_and_what_is_unknown_is_an_error(
    paddock: Paddock, filled: Paddock
) -> None:
    assert filled("quiet").out == "quiet has not been loaded yet\n"
    unknown = paddock("history", "nobody")
    assert (unknown.status, unknown.out) == (1, "")
    assert "there is no model 'nobody'" in unknown.err


def test_a_limit_that_is_none_is_a_wrong_command_line(paddock: Paddock) -> None:
    assert paddock("history", "old", "-n", 0).status == 2


def test_who_used_what_is_asked_of_the_daemon(paddock: Paddock, url: str) -> None:
    """Nobody has asked it anything, in this file."""
    assert paddock("usage", "--url", url).out.startswith("no model was asked since ")
    found = json.loads(paddock("usage", "--since", "2026-11-22", "--url", url, "--json").out)
    assert (found["since"], found["rows"]) == ("2026-11-22", [])
    assert paddock("usage", "--since", "soon", "--url", url).status == 1
