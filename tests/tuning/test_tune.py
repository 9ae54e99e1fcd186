"""`paddock tune` against real daemons and llama-servers: on the processor, and on RPC devices of made-up memory.

How fast a real engine is with other flags cannot be planted on a machine that others use too. So these engines
take longer for each computation where the planted flag is worse (`slow.c`); all else about them is real.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from paddock.api.client import Client
from paddock.api.events import TuningChanged
from paddock.llama.scripted import ScriptedModel, write
from tests.cli.conftest import Result
from tests.rig import Rig, needs_rig, rig
from tests.tuning.slowness import needs_slowness, slow_engine
from tests.yard import Process, places, process

QUICK = ("--for", "chat", "--turn", "32,8", "--yes", "--json")
SLOW_WITH_3 = '*" --threads 3 "*'
Tune = Callable[..., Result]

pytestmark = needs_slowness


@contextmanager
def tuning(root: Path, conf: str, slow: str = "", ms: int = 20) -> Iterator[tuple[Process, Tune]]:
    """A daemon with this models.conf, and `paddock tune m` beside it; `slow`: for which arguments its engine is."""
    paths = places(root / "yard", conf)
    paths.models_dir.mkdir()
    write(
        paths.models_dir / "m.gguf",
        ScriptedModel(say="One two three.", endless=True),
    )
    write(paths.models_dir / "ran.gguf", ScriptedModel(say="I was here."))
    shape: Any = {"embd": 512, "heads": 8, "kv_heads": 4, "ctx": 16384, "layers": 12, "ff": 256}
    moe = ScriptedModel(say="So.", endless=True, arch="qwen3moe", target_mib=120, experts_used=4, **shape)  # fmt: skip
    write(paths.models_dir / "moe.gguf", moe)
    with process(paths, "--engine", str(slow_engine(root, slow, ms))) as own:

        def call(*args: object) -> Result:
            done = subprocess.run(
                command(own, *args), capture_output=True, text=True, env=environment(root), timeout=100
            )  # fmt: skip
            return Result(done.returncode, done.stdout, done.stderr)

        yield own, call


def command(own: Process, *args: object) -> list[str]:
    return [sys.executable, "-m", "paddock", "tune", "m", *map(str, args), "--url", own.url, "--config", str(own.paths.config)]  # fmt: skip


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(root), "XDG_STATE_HOME": str(root / "home")}


def live(url: str) -> list[str]:
    return [one.profile for one in Client(url).status().instances if one.phase in ("ready", "busy")]


def until_live(url: str, *names: str) -> None:
    for _ in Client(url).events():
        if live(url) == list(names):
            return


def test_threads_that_an_engine_is_made_slow_with_are_found_written_and_taken_back(
    tmp_path: Path,
) -> None:
    conf = "; mine\n[m]\nmodel = m.gguf\nthreads = 3\n\n# about ran\n[ran]\nmodel = ran.gguf\n"
    with tuning(tmp_path, conf, SLOW_WITH_3) as (own, tune):
        Client(own.url).switch("ran")
        before = own.paths.config.read_bytes()
        dry = tune("--for", "chat", "--dry-run", "--json")
        assert dry.status == 0
        assert {one["name"] for one in json.loads(dry.out)["varied"]} == {"threads", "ubatch", "load-mode"}  # fmt: skip
        assert live(own.url) == ["ran"]

        found = tune(*QUICK, "--vary", "threads", "--budget", "60s")
        assert found.status == 0, found.err
        study = json.loads(found.out)
        assert (study["verdict"], study["outcome"]) == ("better", "done"), found.out
        assert study["changes"].keys() == {"threads"}
        assert study["best"]["low"] > study["today"]["high"]
        assert len(study["today"]["samples"]) == len(study["best"]["samples"]) == 6
        assert [one["name"] for one in study["contributions"]] == ["threads"]
        assert study["trials"][0]["number"] in range(1, 3)
        assert own.paths.config.read_bytes() == before, "nothing is written unasked"
        until_live(own.url, "ran")

        assert tune("--apply").status == 0
        text = own.paths.config.read_text()
        value = study["changes"]["threads"]
        assert f"# threads = 3\n# paddock tune, {time.strftime('%Y-')}" in text
        assert f"takes it back\nthreads = {value}\n" in text
        assert text.count("# about ran") == text.count("; mine") == 1
        assert json.loads(tune("--show", "last", "--json").out)["applied_at"]
        assert tune("--undo").status == 0
        assert own.paths.config.read_bytes() == before
        again = tune("--undo")
        assert (again.status, "nothing that tuning wrote" in again.err) == (1, True)
        assert "applied_at" not in json.loads(tune("--show", "last", "--json").out)


def test_flags_that_change_nothing_are_not_called_better(tmp_path: Path) -> None:
    with tuning(tmp_path, "[m]\nmodel = m.gguf\nthreads = 1\n") as (own, tune):
        found = tune(*QUICK, "--vary", "load-mode", "--budget", "60s", "--apply")
        study = json.loads(found.out)
        assert study["verdict"] == "same", found.out
        assert not study.get("changes")
        assert "threads = 1\n" in own.paths.config.read_text()
        assert "paddock tune" not in own.paths.config.read_text()


def test_a_study_that_is_killed_in_a_trial_goes_on_and_what_ran_comes_back(tmp_path: Path) -> None:
    conf = "[m]\nmodel = m.gguf\nthreads = 3\n[ran]\nmodel = ran.gguf\n"
    with tuning(tmp_path, conf, SLOW_WITH_3) as (own, tune):
        Client(own.url).switch("ran")
        words = (*QUICK, "--vary", "threads", "--budget", "60s")
        first = subprocess.Popen(
            command(own, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(tmp_path)
        )  # fmt: skip
        for event in Client(own.url).events():
            if isinstance(event, TuningChanged) and event.tuning.step.startswith("trial 2"):
                break
        first.send_signal(signal.SIGKILL)
        first.wait()
        until_live(own.url, "ran")
        assert "m@tune" not in [one.id for one in Client(own.url).models()]

        found = tune(*words)
        assert found.status == 0, found.err
        study = json.loads(found.out)
        assert study["outcome"] == "done"
        assert "trial 1:" not in found.err, "the first trial was known"
        file = tmp_path / "home" / "paddock" / "tunings.sqlite"
        assert file.stat().st_mode & 0o777 == 0o600
        listed = json.loads(tune("--list", "--json").out)["tunings"]
        assert [one["id"] for one in listed] == [study["id"]]


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[Rig]:
    """Of 200 MiB and of 140: unequal shares."""
    with rig(tmp_path, 200, 140) as found:
        yield found


@needs_rig
def test_margins_that_keep_experts_out_of_ram_are_found_where_ram_is_made_slow(
    tmp_path: Path, devices: Rig
) -> None:
    """One margin for both devices is too much for the smaller one; who lies in RAM is slow."""
    conf = f"[m]\nmodel = moe.gguf\n{devices.flag}fit-target = 120\n"
    slow = '*" --fit-target 120"*|*exps*'
    with tuning(tmp_path, conf, slow, ms=150) as (_, tune):
        found = tune(
            *QUICK, "--turn", "16,3", "--vary", "margins", "--budget", "80s", "--trials", "8"
        )
    study = json.loads(found.out)
    today, *others = study["trials"]
    assert today["experts_in_ram"] > 0
    assert study["verdict"] == "better", found.out
    best = next(one for one in others if one["number"] == study["best_trial"])
    assert best.get("experts_in_ram", 0) == 0
    assert study["changes"].keys() == {"fit-target"}
    assert study["loads"] * 2 <= study["grid"], "half of a full grid at most"
    assert any(one["state"] in ("same", "pruned") for one in others), (
        "placements that are alike are loaded once"
    )
