"""Files that grow, are cut, end in the middle of a line, or hold what is no text."""

import asyncio
import os
from pathlib import Path

import pytest

from paddock.llama.follow import Growth, LineFile, Watch, last_lines, read_from, start_of_last


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


def read(file: LineFile) -> list[str]:
    return list(file.read())


# ---- lines ----


def test_a_file_that_is_not_there_yet_has_no_lines(path):
    file = LineFile(path)
    assert read(file) == []
    append(path, "one\n")
    assert read(file) == ["one"]


def test_each_line_is_reported_once_and_whole(path):
    file = LineFile(path)
    read_lines = []
    for piece in ("on", "e\ntw", "o\nthree\n", "", "\n"):
        append(path, piece)
        read_lines += read(file)
    assert read_lines == ["one", "two", "three", ""]


def test_a_character_split_over_two_writes_stays_one(path):
    file = LineFile(path)
    append(path, "caf\u00e9"[:3].encode() + b"\xc3")
    assert read(file) == []
    append(path, b"\xa9\n")
    assert read(file) == ["caf\u00e9"]


def test_what_is_no_text_is_shown_as_such(path):
    append(path, b"a\xff\xfeb\n\x00\n")
    assert read(LineFile(path)) == ["a\ufffd\ufffdb", "\x00"]


def test_only_a_line_feed_ends_a_line(path):
    append(path, "10%\r20%\r\u2028done\n")
    assert read(LineFile(path)) == ["10%\r20%\r\u2028done"]


def test_the_last_words_of_a_dying_process_are_reported_at_its_end(path):
    file = LineFile(path)
    append(path, "one\nAborted (core")
    assert read(file) == ["one"]
    assert file.rest() == "Aborted (core"
    assert file.rest() == ""


def test_a_line_that_never_ends_is_reported_in_pieces(path):
    file = LineFile(path)
    append(path, b"x" * 1_000_000)
    pieces = list(file.read_all())
    assert "".join(pieces) + file.rest() == "x" * 1_000_000
    assert max(map(len, pieces)) <= 1 << 17


def test_a_flood_is_read_in_pieces_so_that_others_have_their_turn(path):
    append(path, "a line of a flood\n" * 50_000)
    file = LineFile(path)
    turns = [read(file)]
    while file.is_behind:
        turns.append(read(file))
    assert max(len(read_lines) for read_lines in turns) * 18 <= (1 << 17) + 18
    assert sum(map(len, turns)) == 50_000
    assert read(file) == []


def test_what_comes_faster_than_it_is_read_is_left_out_and_a_line_says_so(path):
    file = LineFile(path, backlog=1000)
    append(path, "before\n")
    assert read(file) == ["before"]
    append(path, "".join(f"{n:09}\n" for n in range(10_000)))
    left_out, *read_lines = file.read_all()
    assert (
        left_out
        == "… (99,500 bytes of this log were left out: they came faster than they are read)"
    )
    assert read_lines == [f"{n:09}" for n in range(9_950, 10_000)]


@pytest.mark.parametrize("length", [1, 500, 60_000])
def test_a_log_that_is_flooded_without_end_stays_bounded_on_the_disk(path, length):
    """The writer is always ahead: each time we have read, there is more."""
    file = LineFile(path, limit=300_000, backlog=300_000)
    sizes = []
    for _ in range(40):
        append(path, ("x" * length + "\n") * (200_000 // (length + 1)))
        assert sum(map(len, file.read())) <= 400_000
        sizes.append(sum(p.stat().st_size for p in path.parent.iterdir()))
    assert max(sizes) < 2 * (300_000 + 300_000 + 200_000)


def test_of_a_long_file_only_the_last_lines_may_be_wanted(path):
    append(path, "".join(f"{n}\n" for n in range(1000)))
    file = LineFile(path)
    file.skip_to_last(18)
    assert read(file) == ["996", "997", "998", "999"]
    file.skip_to_last(18)
    assert read(file) == []


# ---- files that are cut ----


def test_at_its_limit_the_old_lines_move_to_a_second_file(path):
    file = LineFile(path, limit=100)
    append(path, "a" * 60 + "\n")
    assert len(read(file)) == 1
    append(path, "b" * 60 + "\nunfinis")
    assert len(read(file)) == 1
    older = path.with_name("log.1")
    assert path.read_bytes() == b""
    assert older.read_text() == "a" * 60 + "\n" + "b" * 60 + "\nunfinis"
    assert older.stat().st_mode & 0o777 == 0o600
    append(path, "hed\n")
    assert read(file) == ["unfinished"]


def test_no_more_than_two_files_are_ever_kept(path):
    file = LineFile(path, limit=100)
    for number in range(50):
        append(path, f"{number} {'x' * 40}\n")
        assert len(read(file)) == 1
    assert sorted(p.name for p in path.parent.iterdir()) == ["log", "log.1"]
    assert sum(p.stat().st_size for p in path.parent.iterdir()) < 300


def test_a_file_that_somebody_else_cut_is_read_from_its_new_beginning(path):
    file = LineFile(path)
    append(path, "a long line of before\nand a rest")
    assert read(file) == ["a long line of before"]
    os.truncate(path, 0)
    append(path, "new\n")
    assert read(file) == ["new"]


# ---- waiting ----


async def test_a_watch_wakes_its_reader_for_each_of_its_files(path, tmp_path):
    other = tmp_path / "state"
    watch = Watch(path, other)
    for written in (path, other, path):
        waiting = asyncio.create_task(watch.changed())
        await asyncio.sleep(0)
        assert not waiting.done()
        append(written, "line\n")
        await waiting
    watch.close()


async def test_what_was_written_before_one_waits_is_not_missed(path):
    watch = Watch(path)
    append(path, "line\n")
    await watch.changed()
    watch.close()


# ---- ends of files ----


def test_a_reader_goes_on_where_it_stopped(path):
    assert read_from(path, 7) == (7, b"")
    append(path, "one\n")
    assert read_from(path, 0) == (4, b"one\n")
    append(path, "two\n")
    assert read_from(path, 4) == (8, b"two\n")
    os.truncate(path, 0)
    append(path, "3\n")
    assert read_from(path, 8) == (2, b"3\n")


def test_one_read_is_never_more_than_a_chunk(path):
    append(path, b"x" * 200_000)
    offset, data = read_from(path, 0)
    assert offset == len(data) == 1 << 16


def test_the_last_lines_of_two_files_that_follow_one_another(path):
    older = path.with_name("log.1")
    append(older, "1\n2\n3\n")
    append(path, "4\n5\n")
    assert last_lines([older, path], 1) == ["5"]
    assert last_lines([older, path], 2) == ["4", "5"]
    assert last_lines([older, path], 4) == ["2", "3", "4", "5"]
    assert last_lines([older, path], 9) == ["1", "2", "3", "4", "5"]
    assert last_lines([older, path], 0) == []
    assert last_lines([path.with_name("none"), path], 3) == ["4", "5"]


def test_long_lines_at_the_end_leave_no_gap_before_them(path):
    """They would, were the ends that are read measured by a usual line."""
    older = path.with_name("log.1")
    append(older, "old\n")
    append(path, "".join(f"{n}{'x' * 100_000}\n" for n in range(5)))
    assert [line[0] for line in last_lines([older, path], 3)] == ["2", "3", "4"]
    assert [line[0] for line in last_lines([older, path], 6)] == ["o", "0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "text", ["", "\n", "one", "one\n", "one\ntwo\n\nfour", "x" * 70_000 + "\n1\n2\n"]
)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
def test_where_the_last_lines_begin(path, text, count):
    path.write_text(text)
    start, found = start_of_last(path, len(text), count)
    lines = text.removesuffix("\n").split("\n") if text else []
    wanted = lines[-count:] if count else []
    assert found == len(wanted)
    assert text[start:].removesuffix("\n") == "\n".join(wanted)


def test_the_last_lines_of_a_file_of_monstrous_ones_are_fewer(path):
    append(path, "".join(f"{n}{'x' * 600_000}\n" for n in range(9)))
    read_lines = last_lines([path], 9)
    assert sum(map(len, read_lines)) <= 1 << 20
    assert read_lines[-1].startswith("8")


def test_the_last_line_counts_without_its_end(path):
    append(path, "one\ntwo")
    assert last_lines([path], 1) == ["two"]


def test_a_flood_at_once_is_reported_whole_in_bounded_pieces(path):
    path.write_bytes(b"before\n")
    growth = Growth(path)
    flood = b"a line of a flood\n" * 20_000
    with path.open("ab") as file:
        file.write(flood)
    pieces = list(growth.read())
    assert b"".join(pieces) == flood
    assert max(map(len, pieces)) <= 1 << 16
    assert list(growth.read()) == []
