"""`paddock bench` against a real daemon with real llama-servers: measured, kept, compared, put back."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from paddock.api.bench import BenchNow, BenchRun
from paddock.api.client import Client
from paddock.api.events import BenchChanged
from paddock.api.types import ProfileInfo
from paddock.bench.options import BenchOptions
from paddock.bench.run import Bench
from paddock.cli.verbs.bench import chosen, numbers
from paddock.errors import BadRequest, UnknownModel
from paddock.llama.scripted import Arch, ScriptedModel, write
from tests.cli.conftest import Paddock
from tests.yard import places, process

CONF = """
[alpha]
model = alpha.gguf
parallel = 2
ctx-size = 2048
[short]
variant-of = alpha
temp = 0
[ran]
model = ran.gguf
[broken]
model = broken.gguf
"""
ARCHITECTURES = get_args(Arch)
CONF += "".join(f"[of-{arch}]\nmodel = {arch}.gguf\nctx-size = 1024\n" for arch in ARCHITECTURES)
CONF += "[of-vectors]\nmodel = llama.gguf\nembeddings = true\n"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("bench")
    paths = places(root / "yard", CONF)
    paths.models_dir.mkdir()
    write(paths.models_dir / "alpha.gguf", ScriptedModel(say="Alpha.", endless=True))
    write(paths.models_dir / "ran.gguf", ScriptedModel(say="I was here."))
    for arch in ARCHITECTURES:
        write(paths.models_dir / f"{arch}.gguf", ScriptedModel(say="Yes.", endless=True, arch=arch))
    (paths.models_dir / "broken.gguf").write_bytes(b"GGUF and nothing more")
    with process(paths) as own:
        yield own.url


@pytest.fixture
def measuring(daemon: str, paddock: Paddock, monkeypatch: pytest.MonkeyPatch) -> Paddock:
    monkeypatch.setenv("PADDOCK_URL", daemon)
    return paddock


def live(url: str) -> list[str]:
    return [one.profile for one in Client(url).status().instances if one.phase in ("ready", "busy")]


QUICK = ("-n", "4", "--depths", "64,200")


def test_a_run_is_measured_kept_shown_and_compared_and_what_ran_runs_again(
    measuring: Paddock, daemon: str, tmp_path: Path
) -> None:
    Client(daemon).switch("ran")
    page = tmp_path / "page.html"
    program = f"{sys.executable} -c \"import os; print('score', len(os.environ['OPENAI_MODEL']))\""
    done = measuring(
        "bench", "alpha", "broken", *QUICK, "--json", "--html", page,
        "--cold", "1", "--each", program, "--score", r"score (\d+)",
    )  # fmt: skip
    assert done.status == 1, "one of them failed"
    assert live(daemon) == ["ran"]

    run: dict[str, Any] = json.loads(done.out)
    alpha, broken = run["profiles"]
    assert (alpha["profile"], alpha["outcome"]) == ("alpha", "done")
    assert [load["wanted_cold"] for load in alpha["loads"] if "wanted_cold" in load] == [True]
    assert [row["depth"] for row in alpha["depths"]] == [64, 200]
    for row in alpha["depths"]:
        assert all(
            len(row[name]["samples"]) == 3 for name in ("prompt", "generation", "first_token")
        )
    assert [row["streams"] for row in alpha["streams"]] == [2]
    assert alpha["first"]["depth"] == 64
    host = next(row for row in alpha["memory"] if row["device"] == "Host")
    assert host["planned"] == pytest.approx(host["placed"], abs=1)  # each is rounded
    assert alpha["circumstances"]["engine_version"]
    assert (alpha["evaluation"]["exit_code"], alpha["evaluation"]["score"]) == (0, 5.0)
    assert broken["outcome"] == "failed"
    assert broken["failure"]["message"]
    assert page.read_text().count("<svg") == 5

    number = run["id"]
    assert json.loads(measuring("bench", "--show", "last", "--json").out)["outcome"] == "done"
    again = measuring("bench", "short", *QUICK, "--repeat", "1", "--streams", "1", "--markdown")
    assert (again.status, again.out[:15]) == (0, "# paddock bench")
    assert "| short |" in again.out
    listed = measuring("bench", "--list").out
    assert [line.split()[0] for line in listed.splitlines()] == [
        "RUN",
        str(number + 1),
        str(number),
    ]
    compared = measuring("bench", "--compare", number)
    assert compared.status == 0
    assert "only in one of them: alpha, broken, short" in compared.out


def test_profiles_of_every_architecture_are_measured(measuring: Paddock, tmp_path: Path) -> None:
    """Attention, sliding windows, experts, state spaces, both mixed; and one that generates no text."""
    page = tmp_path / "page.html"
    done = measuring(
        "bench", "of-*", "-n", "4", "--depths", "40,300", "--repeat", "1", "--json", "--html", page
    )
    assert done.status == 0, done.out
    found = {one["profile"]: one for one in json.loads(done.out)["profiles"]}
    assert set(found) == {*(f"of-{arch}" for arch in ARCHITECTURES), "of-vectors"}
    assert all(f"<h2>{name}" in page.read_text() for name in found)
    vectors = found.pop("of-vectors")
    assert "generates no text" in vectors["notes"][0]
    assert "depths" not in vectors
    for name, one in found.items():
        assert one["outcome"] == "done", name
        assert [row["depth"] for row in one["depths"]] == [40, 300], name
        for row in one["depths"]:
            assert row["prompt"]["median"] > 0, name
            assert row["generation"]["median"] > 0, name
        assert one["loads"][0]["seconds"] > 0, name
        assert one["graph_splits"] == 1, name
        [host] = [row for row in one["memory"] if row["device"] == "Host"]
        assert host["planned"] == pytest.approx(host["placed"], abs=2), name


class _Steps:
    """Does something at the first step whose text has this in it."""

    def __init__(self, at: str = "", act: Any = None) -> None:
        self._at, self._act = at, act

    def step(self, text: str, left: float | None) -> None:
        if self._act and self._at in text:
            act, self._act = self._act, None
            act()


def one_run(client: Client, options: BenchOptions, steps: _Steps | None = None) -> BenchRun:
    profiles = chosen(client.models(), ["alpha"])
    return Bench(client, options, steps or _Steps()).measure(profiles)


def test_whoever_comes_is_served_and_no_measurement_is_missing(daemon: str) -> None:
    """Somebody asks another model in the middle, or a moment later."""
    client, other = Client(daemon), Client(daemon)
    heard: list[str] = []

    def ask() -> None:
        from paddock.api.chat import ask

        heard.append("".join(p.text for p in ask(other, "ran", "hi") if p.kind == "content"))

    asking = threading.Thread(target=ask)
    options = BenchOptions(answer=8, depths=(64,), repeat=3, streams=(1,))
    found = one_run(client, options, _Steps("2 of 3", asking.start))
    asking.join()
    assert heard == ["I was here."]
    assert found.outcome == "done"
    [row] = found.profiles[0].depths
    assert row.generation
    assert len(row.generation.samples) == 3


def test_ctrl_c_keeps_what_is_known_and_puts_back_what_ran(daemon: str) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    client = Client(daemon)
    client.unload("alpha")
    client.switch("ran")
    before = next(client.events())
    options = BenchOptions(answer=4, depths=(64,))
    found = one_run(client, options, _Steps("2 of 3", interrupt))
    assert (found.outcome, found.profiles[0].outcome) == ("interrupted", "interrupted")
    [row] = found.profiles[0].depths
    assert row.generation
    assert len(row.generation.samples) == 1
    assert client.bench_run(found.id).outcome == "interrupted"
    assert live(daemon) == ["ran"]
    said = published(client, before.seq)
    assert (said[0].profile, said[0].number, said[0].of) == ("alpha", 1, 1)
    assert said[0].in_words() == "benchmark, 1 of 1, loading"
    assert (said[-1].outcome, said[-1].step, said[-1].eta) == ("interrupted", "", None)


def published(client: Client, after: int) -> list[BenchNow]:
    """What dashboards heard of a benchmark that is over."""
    said: list[BenchNow] = []
    for event in client.events(after):
        if isinstance(event, BenchChanged):
            said.append(event.bench)
            if event.bench.outcome != "running":
                break
    return said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "no profile is called 'nobody'"),
        (["--show", "x"], "'x' is no number of a run"),
        (["--show", "999"], "there is no run 999"),
        (["--compare", "1", "2", "3"], "--compare takes one run or two"),
        (["--each", "a 'b"], "--each: No closing quotation"),
        (["--each", "no-such-program {model}"], "--each: there is no program no-such-program"),
        (["--html", "/no/where/x.html"], "/no/where/x.html cannot be written: there is no folder"),
        (["--html", "/"], "/ cannot be written: it is a folder"),
        (["--score", "x"], "--score needs a command"),
        (["--each", "true", "--score", "("], "--score is no regular expression"),
        (["--depths", "many"], "--depths takes numbers such as 512,4k, not 'many'"),
    ],
)
def test_a_mistake_is_named_before_anything_is_measured(
    measuring: Paddock, arguments: list[str], said: str
) -> None:
    done = measuring("bench", *arguments)
    assert (done.status, done.out) == (1, "")
    assert said in done.err


def test_names_patterns_and_aliases_choose_profiles() -> None:
    profiles = [
        ProfileInfo(id="a", state="ready", aliases=["first"]),
        ProfileInfo(id="bench-a", state="ready", bench=True),
        ProfileInfo(id="b", state="ready", hidden=True),
        ProfileInfo(id="v", state="ready", variant_of="a"),
    ]

    def names(*wanted: str) -> list[str]:
        return [profile.id for profile in chosen(profiles, list(wanted))]

    assert names() == ["a"]
    assert names("bench-*", "first", "a") == ["bench-a", "a"]
    with pytest.raises(UnknownModel):
        names("c")


def test_numbers_are_read_with_their_k() -> None:
    assert numbers("512, 4k", "--depths") == (512, 4096)
    with pytest.raises(BadRequest):
        numbers("0", "--depths")
