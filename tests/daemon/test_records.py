"""The files by which a later daemon finds what an earlier one left."""

import os
import socket
import stat
from pathlib import Path

import pytest

from paddock.daemon.instances.records import Record, Records
from tests.strangers import STRANGER, needs_root


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path / "state", tmp_path / "run", kept=2)


def record(records: Records, number: int, profile: str = "alpha") -> Record:
    made = Record(
        instance=f"{profile}.{number}",
        number=number,
        profile=profile,
        fingerprint="f",
        argv=["llama-server"],
        engine="native",
        engine_version="b1",
        socket=str(records.socket(number)),
        size_mib=3,
        created="2026-11-24T00:00:00Z",
        stop_timeout=5.0,
    )
    records.save(made)
    return made


def folders(tmp_path: Path) -> list[str]:
    return sorted(entry.name for entry in (tmp_path / "state" / "instances").iterdir())


def test_a_later_daemon_reads_what_an_earlier_one_wrote(records, tmp_path):
    written = [record(records, number) for number in (10, 9)]
    later = Records(tmp_path / "state", tmp_path / "run", kept=2)
    assert list(later) == [written[1], written[0]], "oldest first, by number and not by name"
    assert later.next_number() == 11


def test_numbers_begin_at_one(records):
    assert records.next_number() == 1


def test_everything_is_private_to_its_user(records, tmp_path):
    record(records, 1)
    records.plumbing(1).create()
    for path in [tmp_path / "state", tmp_path / "run", *(tmp_path / "state").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_record_that_was_cut_short_does_not_hide_the_others(records, tmp_path):
    whole = record(records, 1)
    record(records, 2)
    (tmp_path / "state" / "instances" / "2" / "record.json").write_bytes(b'{"instance": "al')
    (tmp_path / "state" / "instances" / "3").mkdir()
    assert list(records) == [whole]
    assert records.next_number() == 4


def test_a_crash_while_writing_leaves_the_record_of_before(records, tmp_path):
    old = record(records, 1)
    (tmp_path / "state" / "instances" / "1" / "record.json.part").write_bytes(b"{")
    assert list(records) == [old]


def test_logs_of_the_newest_ended_ones_are_kept_and_no_living_one_is_forgotten(records, tmp_path):
    alive = record(records, 1)
    for number in range(2, 7):
        records.close(record(records, number))
    assert folders(tmp_path) == ["1", "5", "6"]
    assert next(iter(records)) == alive


def test_none_are_kept_where_none_are_wanted(tmp_path):
    records = Records(tmp_path / "state", tmp_path / "run", kept=0)
    records.close(record(records, 1))
    assert folders(tmp_path) == []


def test_closing_takes_its_socket_and_its_fifo_away(records):
    made = record(records, 1)
    plumbing = records.plumbing(1)
    plumbing.create()
    plumbing.log.touch()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(made.socket)
    records.close(made)
    assert not Path(made.socket).exists()
    assert not plumbing.stdin.exists()
    assert [r.ended for r in records] == [True]
    assert [r.number for r in records.of("alpha.1")] == [1]
    assert records.is_over(1)


def test_a_leftover_socket_of_that_name_is_removed(records, tmp_path):
    left = tmp_path / "run" / "7" / "llama.sock"
    left.parent.mkdir()
    left.touch()
    assert records.socket(7) == left
    assert not left.exists()


def test_runs_are_found_by_instance_and_by_profile(records):
    for number in (1, 2):
        record(records, number)
    assert [r.number for r in records.of("alpha")] == [1, 2]
    assert [r.number for r in records.of("alpha.1")] == [1]
    assert [r.number for r in records.of(None)] == [1, 2]
    assert records.of("beta") == []
    assert not records.is_over(1)
    assert records.is_over(3), "forgotten"


# ---- whom they are believed ----


def test_a_record_in_the_folder_of_another_number_is_none(records, tmp_path):
    made = record(records, 1)
    folder = tmp_path / "state" / "instances"
    (folder / "2").mkdir()
    (folder / "2" / "record.json").write_bytes((folder / "1" / "record.json").read_bytes())
    assert list(records) == [made]


@pytest.mark.parametrize("loose", ["record.json", "."])
def test_a_record_that_others_may_write_is_none(records, tmp_path, loose):
    record(records, 1)
    (tmp_path / "state" / "instances" / "1" / loose).chmod(0o777)
    assert list(records) == []


@needs_root
@pytest.mark.parametrize("whose", ["record.json", "."])
def test_a_record_of_another_user_is_none(records, tmp_path, whose):
    record(records, 1)
    os.chown(tmp_path / "state" / "instances" / "1" / whose, STRANGER, STRANGER)
    assert list(records) == []


@pytest.mark.parametrize("what", ["a file", "a folder", "nothing"])
def test_closing_removes_a_socket_and_nothing_else(records, tmp_path, what):
    made = record(records, 1)
    precious = tmp_path / "elsewhere" / "precious"
    precious.mkdir(parents=True)
    if what == "a file":
        precious.rmdir()
        precious.write_text("x")
    made.socket = str(precious if what != "nothing" else tmp_path / "elsewhere" / "nothing")
    records.close(made)
    assert precious.exists()
