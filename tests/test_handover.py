"""Listening sockets go from hand to hand, within a folder that is ours, and nobody else gets any."""

import os
import socket
from pathlib import Path

import pytest

from paddock.handover import VARIABLE, SocketTaker, inherited, offer
from paddock.http.server import claimed
from tests.strangers import STRANGER, needs_root


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


def test_whoever_connects_between_two_daemons_is_accepted_by_the_second(
    listening: socket.socket, tmp_path: Path
):
    address = listening.getsockname()
    with SocketTaker(tmp_path) as taker:
        assert offer(tmp_path, [listening])
        listening.close()  # as the daemon that ends does
        with socket.create_connection(address) as client:
            [taken] = taker.take()
            client.sendall(b"hello")
            accepted, _ = taken.accept()
            with accepted:
                assert accepted.recv(9) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert not list(tmp_path.iterdir())


def test_a_long_path_is_no_hindrance(listening: socket.socket, tmp_path: Path):
    deep = tmp_path / ("d" * 90) / ("e" * 90)
    deep.mkdir(parents=True)
    with SocketTaker(deep) as taker:
        assert offer(deep, [listening])
        assert len(taker.take()) == 1


def test_without_anybody_who_waits_nothing_is_left(listening: socket.socket, tmp_path: Path):
    assert not offer(tmp_path, [listening])
    with SocketTaker(tmp_path):
        pass  # it was killed, say
    (tmp_path / "handover.sock").write_text("")
    assert not offer(tmp_path, [listening])


def test_an_older_daemon_leaves_nothing_and_nobody_waits_for_it(tmp_path: Path):
    (tmp_path / "handover.sock").write_text("")  # left by a restart that was killed
    with SocketTaker(tmp_path) as taker:
        assert taker.take() == []


@needs_root
def test_a_socket_of_another_user_gets_none_of_ours(listening: socket.socket, tmp_path: Path):
    with SocketTaker(tmp_path) as taker:
        os.chown(tmp_path / "handover.sock", STRANGER, STRANGER)
        assert not offer(tmp_path, [listening])
        assert taker.take() == []


def test_what_was_inherited_goes_by_its_address_and_no_further(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    host, port = listening.getsockname()
    file = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    with socket.create_connection((host, port)) as no_listener:
        given = [os.dup(listening.fileno()), file, os.dup(no_listener.fileno())]
        monkeypatch.setenv(VARIABLE, ",".join(map(str, [*given, 9999, "", "x"])))
        with inherited() as left:
            assert VARIABLE not in os.environ
            assert [one.fileno() for one in left] == given[:1]
            assert not os.get_inheritable(given[0])
            assert claimed(f"127.0.0.1:{port + 1}", left) is None
            assert claimed(f"127.0.0.2:{port}", left) is None
            with claimed(f"127.0.0.1:{port}", left) or listening as taken:
                assert taken.fileno() == given[0]
            assert left == []
        for number in given[1:]:
            os.close(number)  # not ours to close: they are still open
