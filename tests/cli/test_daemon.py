"""The verbs against a real daemon with a real engine, from `paddock start` to `paddock stop`."""

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from paddock.api.types import ConfigInfo, DeviceInfo, Failure, InstanceInfo, Status
from paddock.daemon.instances.records import Records
from paddock.daemon.logs.logbook import Logbook
from paddock.errors import NoSuchThing
from tests.cli.conftest import Home, Paddock
from tests.strangers import STRANGER, needs_root


def test_a_day_in_the_stable(program: Paddock, home: Home) -> None:
    assert program(*home.start).status == 0

    asked = program("ask", "a", "who is there?")
    assert (asked.status, asked.out) == (0, "Alpha speaking.\n")
    assert "Who?" in asked.err  # reasoning
    assert "alpha: loading" in asked.err or "alpha: warming" in asked.err

    switched = program("switch", "beta")
    assert switched.out.startswith("beta is ready")
    status = program("status")
    assert "beta" in status.out
    assert "Host" in status.out
    printed = json.loads(program("status", "--json").out)
    assert [instance["profile"] for instance in printed["instances"]] == ["beta"]

    listed = json.loads(program("list", "--json").out)
    assert {one["id"]: one["state"] for one in listed} == {
        "alpha": "unloaded",
        "beta": "ready",
        "broken": "unloaded",
    }
    assert "ready" in program("show", "beta").out.splitlines()[0]
    assert "print_timing" in program("logs", "alpha").out  # of an instance that has ended
    assert len(program("logs", "-n", "3").out.splitlines()) == 3

    assert program("unload").out == "unloaded: beta\n"
    assert program("cancel").out == "nothing was loading\n"


def test_a_switch_that_fails_says_why_and_ends_with_1(program: Paddock, home: Home) -> None:
    program(*home.start)
    failed = program("switch", "broken")
    assert (failed.status, failed.out) == (1, "")
    assert "error: " in failed.err
    as_json = program("switch", "broken", "--json")
    assert as_json.status == 1
    unknown = program("switch", "nobody")
    assert unknown.status == 1
    assert "nobody" in unknown.err


def test_a_switch_that_is_known_to_fail_is_refused_and_tried_with_force(
    program: Paddock, home: Home
) -> None:
    program(*home.start)
    program("plan", "broken")  # its engine was asked, or its header read
    for flags in ((), ("--json",)):
        refused = program("switch", "broken", *flags)
        assert refused.status == 1
        assert "cannot be loaded" in refused.out + refused.err
        assert "paddock switch --force broken" in refused.out + refused.err
    forced = program("switch", "broken", "--force")
    assert forced.status == 1
    assert "exited with code 1" in forced.err


def test_a_switch_can_be_asked_for_without_waiting(program: Paddock, home: Home) -> None:
    program(*home.start)
    job = json.loads(program("switch", "alpha", "--no-wait", "--json").out)
    assert job["outcome"] in ("running", "ready")
    assert json.loads(program("switch", "alpha", "--json").out)["outcome"] == "ready"
    assert home.client.job(job["job"]).outcome == "ready"
    assert program("switch", "alpha").out.startswith("alpha is ready already")


def test_start_is_idempotent_and_refuses_to_stand_in_for_another(
    program: Paddock, home: Home, tmp_path: Path
) -> None:
    assert program(*home.start).out.startswith(f"started at http://{home.listen}")
    assert program(*home.start).out.startswith(f"already running at http://{home.listen}")
    other = program("start", "--config", tmp_path / "other.conf", "--listen", home.listen)
    assert other.status == 1
    assert "a daemon with another file runs" in other.err
    pid = home.client.status().pid
    assert f"stopped (pid {pid})" in program("stop").out
    assert not _runs(pid)


def test_a_daemon_that_cannot_start_shows_the_end_of_its_log(program: Paddock, home: Home) -> None:
    (home.folder / "models.conf").write_text("[alpha]\nctx-sise = 5\n")
    failed = program(*home.start)
    assert failed.status == 1
    assert "the daemon ended at once" in failed.err
    assert "ctx-sise" in failed.err
    assert "daemon.log" in failed.err


def test_a_restart_keeps_the_models(program: Paddock, home: Home) -> None:
    program(*home.start)
    program("switch", "alpha")
    before = home.client.status()
    restarted = program("restart")
    assert "1 model adopted" in restarted.out, restarted.err
    after = home.client.status()
    assert after.pid != before.pid
    assert _model_pids(after) == _model_pids(before)
    assert after.instances[0].adopted


def test_nobody_is_refused_during_a_restart(program: Paddock, home: Home) -> None:
    """Connections made one after the other, all the while: each gets a reply."""
    program(*home.start)
    before, over, statuses = home.client.status().pid, threading.Event(), []

    def connect_all_the_while() -> None:
        while not over.is_set():
            with socket.create_connection(
                ("127.0.0.1", int(home.listen.rpartition(":")[2])), 30
            ) as link:
                link.sendall(b"GET /health HTTP/1.0\r\n\r\n")
                statuses.append(link.makefile("rb").readline())

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(connect_all_the_while) for _ in range(4)]
        try:
            restarted = [program("restart") for _ in range(2)]
        finally:
            over.set()
    assert [done.status for done in restarted] == [0, 0], restarted
    for one in asking:
        one.result()  # what went wrong in it is raised here
    assert {status.split()[1] for status in statuses} == {b"200"}
    assert home.client.status().pid != before
    assert not list((home.folder / "state").glob("*.sock"))


@needs_root
def test_a_restart_runs_no_command_of_another_user(paddock: Paddock, tmp_path: Path) -> None:
    """Whoever has the port may say that he is a daemon, and name a process of his."""
    words = ["-c", "import time; time.sleep(60)"]
    python = shutil.which("python3", path="/usr/bin:/bin")  # one that he may run, too
    theirs = subprocess.Popen(["serve", *words], executable=python, user=STRANGER)
    ours = subprocess.Popen([sys.executable, *words])
    try:
        for process, said in ((theirs, "is not a process of yours"), (ours, "was not started as")):
            with answering(_status(process.pid, tmp_path)) as url:
                refused = paddock("restart", "--url", url)
            assert refused.status == 1
            assert said in refused.err
    finally:
        for process in (theirs, ours):
            process.kill()
            process.wait()


def test_status_names_the_mistakes_of_a_models_conf_that_cannot_be_used(paddock, tmp_path):
    lines = ["models.conf:3: [a] ttl takes seconds", "models.conf:9: [b] has no model"]
    failure = Failure(code="config_invalid", message="models.conf: 2 problems", log=lines)
    with answering(_status(1, tmp_path, failure)) as url:
        shown = paddock("status", "--url", url)
    assert "cannot be used: models.conf: 2 problems\n    models.conf:3: [a] ttl" in shown.out
    assert lines[1] in shown.out


def test_status_names_variants_and_how_hard_the_machine_works(paddock, tmp_path):
    ready = InstanceInfo(id="a.1", profile="a", phase="ready", since="", variants=["a-think"])
    host = DeviceInfo(name="Host", kind="host", utilization=0.31, load=2.25)
    with answering(_status(1, tmp_path, instances=[ready], devices=[host])) as url:
        shown = paddock("status", "--url", url)
    assert "also as its variants a-think" in shown.out
    assert "CPU 31%, load 2.2" in shown.out


def _status(pid: int, folder: Path, error: Failure | None = None, **more: Any) -> bytes:
    config = ConfigInfo(path="models.conf", loaded_at="", error=error)
    lists = {"instances": [], "devices": [], **more}
    return msgspec.json.encode(
        Status(
            version="0", pid=pid, started_at="", config=config, state_dir=str(folder),
            current=None, queue={}, **lists,
        )
    )  # fmt: skip


@contextmanager
def answering(status: bytes) -> Iterator[str]:
    """Somebody at a port of this machine who answers every question with this."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(status)))
            self.end_headers()
            self.wfile.write(status)

        def log_message(self, *args: object) -> None:
            """Not into the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _events(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "paddock", "events", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_events_are_facts_and_readings_only_for_those_who_ask(program: Paddock, home: Home) -> None:
    program(*home.start)
    with _events("--json", "--readings") as readings, _events("--json") as facts:
        assert readings.stdout
        assert facts.stdout
        kinds = []
        for line in readings.stdout:
            kinds.append(json.loads(line)["type"])
            if kinds.count("activity") == 2:
                break
        program("stop")
        assert "activity" not in [json.loads(line)["type"] for line in facts.stdout]


def test_the_logs_of_all_runs_are_printed_with_a_line_before_each(
    program: Paddock, home: Home
) -> None:
    program(*home.start)
    for model in ("alpha", "beta", "alpha"):
        program("switch", model)
    headings = [line.split(",")[0] for line in program("logs", "-a", "-n", "9999").out.splitlines()]
    assert [line for line in headings if line.startswith("──")] == [
        "── alpha.1",
        "── beta.2",
        "── alpha.3",
    ]
    only = program("logs", "beta", "--all").out.splitlines()
    assert only[0].startswith("── beta.2, begun ")


def test_the_daemon_itself_has_a_log(program: Paddock, home: Home) -> None:
    program(*home.start)
    followed = home.client.logs("daemon", 5, follow=True)
    assert b"INFO" in next(followed)
    program("switch", "alpha")
    assert any(b"alpha" in piece for piece in followed), "it goes on"
    assert "alpha" in program("logs", "daemon").out


def test_a_log_that_an_older_daemon_left_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    (tmp_path / "daemon.log").write_text("of yesterday\n")
    records = Records(tmp_path, tmp_path / "run", kept=1)
    roster: Any = SimpleNamespace(stable=SimpleNamespace(find=lambda name: None))
    logbook = Logbook(records, roster, own=tmp_path / "daemon.log")
    with pytest.raises(NoSuchThing, match="keeps no log of its own"):
        list(logbook.read("daemon").past())


def _model_pids(status: Status) -> list[int | None]:
    return [instance.pid for instance in status.instances]


def _runs(pid: int) -> bool:
    """A process that has ended but that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
