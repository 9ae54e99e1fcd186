"""Sleeping machines: the packet that wakes one, and the command that lets it sleep."""

import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paddock.cluster.wake import (
    Sleepers,
    Waker,
    broadcast_addresses,
    magic_packet,
    send_packet,
)

MAC = "0a:1b:2c:3d:4e:5f"


@dataclass
class Night:
    mac: str = MAC
    sleep: tuple[str, ...] = ()
    idle: float = 60.0


@dataclass
class House:
    """Who uses what, made up."""

    idle: dict[str, float | None]
    said: list[str] = field(default_factory=list)

    def idle_for(self, node: str) -> float | None:
        return self.idle.get(node)

    def falls_asleep(self, node: str) -> None:
        self.said.append(f"{node} falls asleep")

    def stays_awake(self, node: str) -> None:
        self.said.append(f"{node} stays awake")


@pytest.mark.parametrize("mac", [MAC, MAC.upper(), MAC.replace(":", "-")])
def test_a_packet_has_six_times_ff_and_sixteen_times_the_address(mac):
    packet = magic_packet(mac)
    assert len(packet) == 102
    assert packet.hex() == "ff" * 6 + "0a1b2c3d4e5f" * 16


@pytest.mark.parametrize("mac", ["", "0a:1b", "zz:1b:2c:3d:4e:5f", MAC + ":00"])
def test_what_is_no_address_makes_no_packet(mac):
    with pytest.raises(ValueError, match=r"address|hexadecimal"):
        magic_packet(mac)


def test_the_packet_arrives_and_an_address_that_cannot_be_reached_keeps_nobody_from_it():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
        card.bind(("127.0.0.1", 0))
        card.settimeout(5)
        port = card.getsockname()[1]
        sent = send_packet(MAC, to=["no address at all", "127.0.0.1"], port=port)
        assert sent == 1
        assert card.recv(200) == magic_packet(MAC)


def test_it_goes_to_every_network_of_the_machine():
    assert broadcast_addresses()[0] == "255.255.255.255"


def test_one_node_is_sent_one_packet_however_many_wait_for_it():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
        card.bind(("127.0.0.1", 0))
        port = card.getsockname()[1]
        waker = Waker({"nap": Night(), "deaf": Night(mac="")})
        answers = [waker.wake("nap", to=["127.0.0.1"], port=port) for _ in range(3)]
        assert answers == [True, False, False]
        assert not waker.wake("deaf", to=["127.0.0.1"], port=port)
        assert not waker.wake("unknown", to=["127.0.0.1"], port=port)


def touches(path: Path) -> tuple[str, ...]:
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
    return (sys.executable, "-c", code, str(path))


async def test_only_who_is_idle_long_enough_is_let_sleep_and_no_shell_reads_the_command(tmp_path):
    file = tmp_path / "$(echo no) ; name"
    house = House({"a": 61.0, "b": 59.0, "busy": None, "c": 600.0, "never": 600.0})
    nights = {name: Night(sleep=touches(file.with_suffix(f".{name}"))) for name in house.idle}
    nights["c"].sleep, nights["never"].idle = (), 0.0
    assert await Sleepers(nights, house).look() == ["a"]
    assert [found.name for found in tmp_path.iterdir()] == ["$(echo no) ; name.a"]
    assert house.said == ["a falls asleep"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((sys.executable, "-c", "exit('no such host')"), "ended with 1: no such host"),
        (("/nowhere/suspend",), "No such file or directory"),
    ],
    ids=["fails", "is not there"],
)
async def test_a_command_that_fails_is_logged_and_not_tried_again_at_once(argv, words, caplog):
    house = House({"a": 600.0})
    sleepers = Sleepers({"a": Night(sleep=argv)}, house)
    assert await sleepers.look() == []
    assert await sleepers.look() == []
    assert house.said == ["a falls asleep", "a stays awake"]
    assert words in caplog.text


async def test_where_nobody_is_ever_to_sleep_nothing_is_looked_at():
    await Sleepers({"a": Night(idle=0.0), "b": Night()}, House({})).run()
