"""The wheel behaves as llama-server does; where it cannot, it says so. Both are run side by side."""

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from paddock.engine.embedded_flags import REFUSED, refusals
from paddock.engine.environment import engine_environment
from paddock.llama.flags import parse_help
from paddock.llama.output import failure_reason
from paddock.llama.scripted import ScriptedModel, write
from tests.engine.server import ENGINES, HELLO, Server, engine_command, ready, starting

SMALL = ("--ctx-size", "1024", "--parallel", "1", "--threads", "1")
EXIT = "cmd_router_to_child:exit"


def run(*argv: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [*engine_command("embedded"), *argv]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write(tmp_path / "m.gguf", ScriptedModel(say="Here I am.")))


@pytest.fixture
def slow_model(tmp_path: Path) -> str:
    """Loads for about half a second, without taking disk."""
    return str(write(tmp_path / "slow.gguf", ScriptedModel(say="At last.", target_mib=300)))


@pytest.fixture
def endless_model(tmp_path: Path) -> str:
    return str(write(tmp_path / "e.gguf", ScriptedModel(say="On and on.", endless=True)))


# ---- what it says of itself ----


def test_its_help_is_llama_servers_without_what_it_refuses():
    done = run("--help")
    flags = parse_help(done.stdout)
    assert done.returncode == 0
    assert flags.find("ctx-size")
    assert flags.find("spec-default")  # the neighbour of one that is left out
    assert [name for name in REFUSED if flags.find(name)] == []


def test_it_reports_its_version():
    done = run("--version")
    assert done.returncode == 0
    assert "version: xllamacpp 20" in done.stderr


def test_it_lists_devices():
    done = run("--list-devices")
    assert done.returncode == 0
    assert "Available devices" in done.stdout


# ---- what it cannot do ----


def test_flags_it_cannot_honour_are_refused_by_name(model: str):
    done = run("--model", model, "--rpc", "127.0.0.1:1", "--models_dir", "/m", "-hf", "a/b")
    assert done.returncode == 1
    assert "error: --rpc: xllamacpp is built without RPC" in done.stderr
    assert "error: --models_dir: xllamacpp is built without llama-server's router" in done.stderr
    assert "error: -hf: xllamacpp takes a model by its path only" in done.stderr
    assert refusals(["--model", "m.gguf", "--temp", "0.7", "--alias", "models-dir"]) == []


@pytest.mark.parametrize(
    "argv", [["--ssl-key-file", "k.pem", "--ssl-cert-file", "c.pem"], ["--rpc", "127.0.0.1:1"]]
)
def test_the_wheel_itself_still_cannot_do_what_we_refuse(model: str, argv: list[str]):
    """When it can, the refusal should go."""
    engine_command("embedded")
    program = (
        "import sys, xllamacpp; from paddock.engine.embedded_abi import parse;"
        "xllamacpp.Server(parse(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "--model", model, "--port", "0", *argv]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "SSL" in done.stderr or "RPC" in done.stderr


def test_without_a_model_it_ends_at_once():
    done = run()
    assert done.returncode == 1
    assert "--model is required" in done.stderr


def test_llama_cpp_itself_refuses_a_flag_it_does_not_know():
    done = run("--modle", "m.gguf")
    assert done.returncode == 1
    assert "invalid argument: --modle" in done.stderr


@pytest.mark.parametrize("kind", ENGINES)
def test_a_failed_load_exits_with_its_reason_in_the_log(tmp_path: Path, kind: str):
    (tmp_path / "m.gguf").write_text("no model")
    flags = ("--model", str(tmp_path / "m.gguf"), *SMALL)
    with starting(engine_command(kind), tmp_path, *flags) as server:
        assert server.process.wait() == 1
        assert "exiting due to model loading error" in server.err.read_text()


def test_llama_cpps_reason_comes_before_the_wheels_own_words(tmp_path: Path):
    """It logs in a thread of its own: without waiting for that, one end in forty had them reversed."""
    (tmp_path / "m.gguf").write_text("no model")
    for _ in range(10):
        said = run("--model", str(tmp_path / "m.gguf"), "--port", "0").stderr.splitlines()
        assert "Failed to init server" in said[-1]
        assert "exiting due to model loading error" in said[-2]
        assert failure_reason(said) == "invalid magic characters: 'no m', expected 'GGUF'"


# ---- how it ends ----


@pytest.mark.parametrize("kind", ENGINES)
def test_a_signal_ends_a_load_at_once(tmp_path: Path, kind: str, slow_model: str):
    with starting(engine_command(kind), tmp_path, "--model", slow_model, *SMALL) as server:
        server.wait_for('"state":"loading"', server.out)
        assert server.end() == -signal.SIGTERM


@pytest.mark.parametrize("kind", ENGINES)
def test_an_exit_command_during_a_load_is_obeyed_after_it(
    tmp_path: Path, kind: str, slow_model: str
):
    with starting(engine_command(kind), tmp_path, "--model", slow_model, *SMALL) as server:
        server.wait_for('"state":"loading"', server.out)
        server.write(EXIT)
        assert server.process.wait() == 0


@pytest.mark.parametrize("kind", ENGINES)
def test_the_exit_command_ends_an_idle_server(tmp_path: Path, kind: str, model: str):
    with ready(engine_command(kind), tmp_path, "--model", model, *SMALL) as server:
        server.write("something else")
        server.write(EXIT)
        assert server.process.wait() == 0


def test_a_signal_ends_an_idle_server_though_stdin_stays_open(tmp_path: Path, model: str):
    with ready(engine_command("embedded"), tmp_path, "--model", model, *SMALL) as server:
        assert server.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_while_a_request_runs(
    tmp_path: Path, number: signal.Signals, endless_model: str
):
    flags = ("--model", endless_model, *SMALL)
    with ready(engine_command("embedded"), tmp_path, *flags) as server, an_endless_request(server):
        assert server.end(number) == 0


def test_the_exit_command_ends_it_while_a_request_runs(tmp_path: Path, endless_model: str):
    flags = ("--model", endless_model, *SMALL)
    with ready(engine_command("embedded"), tmp_path, *flags) as server, an_endless_request(server):
        server.write(EXIT)
        assert server.process.wait() == 0


@contextmanager
def an_endless_request(server: Server) -> Iterator[None]:
    """In the block, a client is being answered."""

    def ask() -> None:
        with suppress(http.client.HTTPException, OSError):
            server.call("POST", "/v1/chat/completions", {**HELLO, "max_tokens": -1})

    client = threading.Thread(target=ask)
    client.start()
    server.wait_for("launch_slot_", server.err)
    yield
    client.join()


@pytest.mark.parametrize("kind", ENGINES)
def test_the_end_of_its_routers_pipe_is_its_own(tmp_path: Path, kind: str, model: str):
    command = [*engine_command(kind), "--host", str(tmp_path / "s.sock"), "--model", model, *SMALL]
    env = {**os.environ, "LLAMA_SERVER_ROUTER_PORT": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            if b'"state":"ready"' in line:
                break
        process.stdin.close()
        assert process.wait() == 1


# ---- what it inherits ----


def n_ctx(server: Server) -> int:
    _, props = server.call("GET", "/props")
    return int(props["default_generation_settings"]["n_ctx"])


@pytest.mark.parametrize("kind", ENGINES)
def test_nothing_of_the_users_own_llama_cpp_settings_gets_through(
    tmp_path: Path, kind: str, model: str
):
    (tmp_path / "llama.cpp").mkdir()
    (tmp_path / "llama.cpp" / "config.ini").write_text("[*]\nctx-size = 512\n")
    theirs = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "LLAMA_ARG_CTX_SIZE": "768"}
    ours = engine_environment(theirs)
    for name, env, expected in (("theirs", theirs, 768), ("ours", ours, 32768)):
        folder = tmp_path / name
        folder.mkdir()
        flags = ("--model", model, "--parallel", "1", "--no-warmup")
        with starting(engine_command(kind), folder, *flags, env=env) as server:
            server.wait_ready()
            assert n_ctx(server) == expected


# ---- when the wheel changes ----

# Another release of the wheel cannot be had at will: a stand-in package hands out the real one's
# parts, but for what it changes.
STAND_IN = """
import importlib.machinery, importlib.util, sys, types
loader = importlib.machinery.ExtensionFileLoader("xllamacpp.xllamacpp", {library!r})
spec = importlib.util.spec_from_file_location("xllamacpp.xllamacpp", {library!r}, loader=loader)
real = importlib.util.module_from_spec(spec)
loader.exec_module(real)
{changes}
"""
MOVED = """
class CommonParams(real.CommonParams):
    n_ctx = property(lambda self: 0)  # the value lies elsewhere in this build
xllamacpp, Server = real, real.Server
"""
GONE = """
xllamacpp = types.SimpleNamespace(__file__=importlib.util.find_spec("_ctypes").origin)
CommonParams, Server = real.CommonParams, real.Server
"""


@pytest.mark.parametrize(("changes", "reason"), [(MOVED, "did not arrive"), (GONE, "no longer")])
def test_a_wheel_that_it_does_not_understand_is_not_used(
    tmp_path: Path, model: str, changes: str, reason: str
):
    engine_command("embedded")
    library = subprocess.run(
        [sys.executable, "-c", "import xllamacpp; print(xllamacpp.xllamacpp.__file__)"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    package = tmp_path / "xllamacpp"
    package.mkdir()
    (package / "__init__.py").write_text(STAND_IN.format(library=library, changes=changes))
    done = run("--model", model, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "the embedded engine cannot use xllamacpp 20" in done.stderr
    assert reason in done.stderr
    assert "install a version that Paddock was tested with" in done.stderr
