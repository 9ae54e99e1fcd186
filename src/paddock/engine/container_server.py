"""llama-server in a container: `python -m paddock.engine.container_server IMAGE FLAGS`.

A container that behaves as a process: the same command line, environment, standard streams, child
protocol, signals and exit code as the native program, so that the rest of Paddock sees no difference.
It never outlives this program: `container_watch` removes it if this one is killed. SIGTERM is passed on;
SIGINT ends it at once.

Where the child protocol is on, it first prints on standard output which process of this machine the
llama-server is (`SERVER_PREFIX`), for readers of /proc and of drivers.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import docker
from docker.errors import APIError, DockerException
from docker.utils.socket import next_frame_header, read_exactly

from paddock.engine import container_api
from paddock.engine.container_options import (
    MEMORY,
    container_name,
    creation,
    unreachable_gpus,
    value_of,
)
from paddock.errors import EngineError
from paddock.llama.output import SERVER_PREFIX

_CHUNK = 1 << 16
_MOMENT, _LATEST = 0.03, 0.3  # seconds
_BECOMES = 2.0  # seconds
_CANNOT_START = 125  # the exit code of `docker run` for it
_PROTOCOL = "LLAMA_SERVER_ROUTER_PORT"  # set where our parent reads state lines


def main(argv: Sequence[str]) -> None:
    """Run it to its end; never returns normally."""
    try:
        match list(argv):
            case ["--identity", name]:
                client, _ = container_api.connect()
                print(container_api.image(client, name)["Id"])
            case ["--reap", place, *living]:
                client, _ = container_api.connect()
                print("\n".join(container_api.reap(client, place, set(living))))
            case [name, *flags]:
                _serve(name, flags)
            case _:
                _fail("usage: IMAGE FLAGS… | --identity IMAGE | --reap FOLDER [SOCKET…]")
    except EngineError as error:
        _fail(error.message, *error.detail, error.hint)
    except DockerException as error:
        _fail(f"the container engine refused: {container_api.reason_of(error)}")


def _serve(name: str, flags: Sequence[str]) -> NoReturn:
    client, url = container_api.connect()
    host = container_api.host(client)
    if flaw := unreachable_gpus(host):
        _say(f"W paddock: {flaw}")
    wanted = creation(container_api.image(client, name), name, flags, os.environ, host)
    created = client.create_container_from_config(wanted, name=container_name(flags))["Id"]
    with _bound_to_us(client, url, created):
        stream = _attached(client, created)
        early = _pass_signals_on(client, created)
        try:
            client.start(created)
            for name_of_signal in early:  # it could not hear them before
                client.kill(created, name_of_signal)
        except APIError as error:
            _fail(f"cannot start a container of {name}: {container_api.reason_of(error)}")
        _tell_pid(client, created, value_of(flags, "--host"))
        threading.Thread(target=_feed, args=(stream,), daemon=True).start()
        _copy(stream)
        code = client.wait(created, timeout=None)["StatusCode"]
        state = client.inspect_container(created)["State"]
    if reason := _why_killed(code, state, os.environ.get(MEMORY, "")):
        _say(f"error: {reason}")
    _end_likewise(code)


@contextmanager
def _bound_to_us(client: docker.APIClient, url: str, container: str) -> Iterator[None]:
    """The container ends with the block, or with this process, however that ends."""
    watch = subprocess.Popen(
        [sys.executable, "-P", "-m", "paddock.engine.container_watch", url, container],
        stdin=subprocess.PIPE,  # its end is what is watched for
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        container_api.remove(client, container)
        if watch.stdin:
            watch.stdin.close()


def _attached(client: docker.APIClient, container: str) -> Any:
    params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    stream = client.attach_socket(container, params=params)
    _socket(stream).settimeout(None)
    return stream


def _socket(stream: Any) -> Any:
    return getattr(stream, "_sock", stream)


def _pass_signals_on(client: docker.APIClient, container: str) -> list[str]:
    """Pass signals on to the container; yields those that came before it ran."""
    early: list[str] = []

    def passed(signal_name: str) -> Any:
        def handler(_number: int, _frame: object) -> None:
            try:
                client.kill(container, signal_name)
            except DockerException:
                early.append(signal_name)

        return handler

    signal.signal(signal.SIGTERM, passed("SIGTERM"))
    signal.signal(signal.SIGINT, passed("SIGKILL"))
    return early


def _tell_pid(client: docker.APIClient, container: str, socket: str) -> None:
    if _PROTOCOL not in os.environ:
        return
    pid = client.inspect_container(container)["State"].get("Pid")
    if pid and _becomes_it(pid, socket):
        os.write(1, f"{SERVER_PREFIX}{pid}\n".encode())


def _becomes_it(pid: int, socket: str) -> bool:
    """Wait until the process runs llama-server: at first it is the container runtime itself."""
    latest = time.monotonic() + _BECOMES
    while not (runs := _runs(pid, socket)) and time.monotonic() < latest:
        time.sleep(_MOMENT)
    return runs


def _runs(pid: int, socket: str) -> bool:
    """Whether that process is llama-server: in another machine or namespace the number means another."""
    try:
        return os.fsencode(socket) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _feed(stream: Any) -> None:
    """Pass our standard input on, and its end too."""
    with suppress(OSError):
        while data := os.read(0, _CHUNK):
            _socket(stream).sendall(data)
        _socket(stream).shutdown(1)


def _copy(stream: Any) -> None:
    """Copy its output and its errors to ours, as they come.

    The two are collected from two pipes, in no order: so its output, the child protocol, waits until
    errors, the log, have been silent for a moment. So a reader of `ready` finds the complete log.
    """
    held = b""
    since = time.monotonic()
    while True:
        late = time.monotonic() - since > _LATEST
        if held and (late or not select.select([_socket(stream)], [], [], _MOMENT)[0]):
            _write(1, held)
            held = b""
        number, length = next_frame_header(stream)
        if number < 0:
            break
        data = read_exactly(stream, length)
        if number == 1:
            since = since if held else time.monotonic()
            held += data
        elif number == 2:
            _write(2, data)
    _write(1, held)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _why_killed(code: int, state: Mapping[str, Any], limit: str) -> str:
    """Why the kernel killed the container; "" where it did not.

    Podman does not report it on machines with cgroups of the first version, so there it is a guess.
    """
    if state.get("OOMKilled"):
        return f"the container was killed: out of memory (limit: {limit or 'the machine'})"
    if code == 128 + signal.SIGKILL and limit:
        return f"the container was killed, most likely out of memory: its limit is {limit} MiB"
    return ""


def _end_likewise(code: int) -> NoReturn:
    """End as the container did: by the same signal, or with the same code."""
    if code > 128:
        number = code - 128
        with suppress(OSError, ValueError):  # no such signal, or one that cannot be had
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(code)  # a thread may still wait for our input


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(*lines: str) -> NoReturn:
    for line in lines:
        if line:
            _say(f"error: {line}")
    raise SystemExit(_CANNOT_START)


if __name__ == "__main__":
    main(sys.argv[1:])
