"""Facts are read in a child once, and again when a file of the model changes."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from paddock.llama import facts as module
from paddock.llama.facts import read, read_all_in_child, read_each, read_in_child
from paddock.llama.gguf import Facts, GgufError
from paddock.llama.gguf_read import read_facts
from paddock.llama.scripted import ScriptedModel, write, write_split

Read = Callable[[Path, Path], Awaitable[Facts]]


async def waiting(path: Path, cache_dir: Path) -> Facts:
    return read(path, cache_dir=cache_dir)


async def in_child(path: Path, cache_dir: Path) -> Facts:
    return await read_in_child(path, cache_dir=cache_dir)


both = pytest.mark.parametrize("way", [waiting, in_child])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "m.gguf", ScriptedModel(say="Hi.", arch="jamba"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def without_children(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on whoever starts a child finds no Python."""
    return lambda: monkeypatch.setattr(sys, "executable", "/nowhere/python")


def files(cache: Path) -> list[Path]:
    return list((cache / "facts").iterdir())


@both
async def test_they_are_the_facts_of_the_file(model: Path, cache: Path, way: Read):
    assert await way(model, cache) == read_facts(model)


@both
async def test_what_was_read_once_is_remembered(
    model: Path, cache: Path, way: Read, without_children: Callable[[], None]
):
    first = await way(model, cache)
    without_children()
    assert await way(model, cache) == first
    with pytest.raises(GgufError, match=r"new\.gguf.*nowhere"):
        await way(write(model.with_name("new.gguf"), ScriptedModel(say="New.")), cache)


async def test_both_ways_share_what_they_remember(
    model: Path, cache: Path, without_children: Callable[[], None]
):
    first = await in_child(model, cache)
    without_children()
    assert await waiting(model, cache) == first


@both
async def test_another_file_at_the_same_place_is_read_again(model: Path, cache: Path, way: Read):
    assert (await way(model, cache)).architecture == "jamba"
    write(model, ScriptedModel(say="Hi.", arch="llama"))
    assert (await way(model, cache)).architecture == "llama"
    assert len(files(cache)) == 1


@both
async def test_one_new_shard_is_enough_to_read_again(tmp_path: Path, cache: Path, way: Read):
    shards = write_split(tmp_path / "m", ScriptedModel(say="Hi."), shards=3)
    whole = await way(shards[0], cache)
    assert await way(shards[2], cache) == whole
    assert len(files(cache)) == 1
    os.utime(shards[1], (1, 1))
    kept = files(cache)[0].stat().st_mtime_ns
    assert await way(shards[0], cache) == whole
    assert files(cache)[0].stat().st_mtime_ns != kept


@both
@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 0}', b"[1, 2]", b"\xff"])
async def test_a_cache_that_cannot_be_read_counts_as_none(
    model: Path, cache: Path, way: Read, content: bytes
):
    first = await way(model, cache)
    (file,) = files(cache)
    file.write_bytes(content)
    assert await way(model, cache) == first
    assert file.stat().st_size > 100


async def test_what_an_earlier_version_wrote_is_read_again(
    model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_FORMAT", 0)
    await in_child(model, cache)
    monkeypatch.undo()
    (file,) = files(cache)
    file.write_bytes(file.read_bytes().replace(b'"jamba"', b'"wrong"'))
    assert (await in_child(model, cache)).architecture == "jamba"


async def test_nobody_else_may_read_what_is_kept_and_nothing_is_left_over(model: Path, cache: Path):
    await in_child(model, cache)
    (file,) = files(cache)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.suffix == ".json"


@both
async def test_without_a_place_to_keep_them_they_are_read_all_the_same(model: Path, way: Read):
    not_a_folder = model.with_name("file")
    not_a_folder.write_text("")
    assert (await way(model, not_a_folder)).architecture == "jamba"


@both
async def test_the_childs_complaint_is_reported(tmp_path: Path, cache: Path, way: Read):
    bad = tmp_path / "page.gguf"
    bad.write_bytes(b"<html>")
    with pytest.raises(GgufError, match="is not a GGUF file") as failure:
        await way(bad, cache)
    assert failure.value.hint == "download it again"
    assert not (cache / "facts").exists()


@both
async def test_a_missing_file_is_reported_without_a_child(
    tmp_path: Path, cache: Path, way: Read, without_children: Callable[[], None]
):
    without_children()
    with pytest.raises(GgufError, match=r"missing: .*nowhere\.gguf") as failure:
        await way(tmp_path / "nowhere.gguf", cache)
    assert failure.value.is_final


@both
async def test_a_missing_shard_is_reported(tmp_path: Path, cache: Path, way: Read):
    first, second = write_split(tmp_path / "m", ScriptedModel(say="Hi."), shards=2)
    second.unlink()
    with pytest.raises(GgufError, match=second.name) as failure:
        await way(first, cache)
    assert failure.value.is_final


@both
async def test_a_child_that_breaks_is_reported_by_its_last_line(
    model: Path, cache: Path, way: Read, monkeypatch: pytest.MonkeyPatch
):
    command = [sys.executable, "-c", "raise MemoryError('too much')"]
    monkeypatch.setattr(module, "_command", lambda: command)
    with pytest.raises(GgufError, match=r"m\.gguf.*MemoryError: too much"):
        await way(model, cache)


@both
async def test_what_lies_in_the_working_directory_is_not_run(
    model: Path, cache: Path, way: Read, monkeypatch: pytest.MonkeyPatch
):
    model.with_name("numpy.py").write_text("raise SystemExit('I am not numpy')")
    monkeypatch.chdir(model.parent)
    assert (await way(Path(model.name), cache)).shards == (str(model),)


# Reads as the real child does, but dies over the file that makes it.
DYING = """
import os, sys
from paddock.llama import gguf_child
answer = gguf_child._answer
gguf_child._answer = lambda path: os._exit(3) if path.name == "bad.gguf" else answer(path)
gguf_child.main()
"""


async def test_a_file_over_which_the_child_dies_costs_no_other_its_facts(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_command", lambda: [sys.executable, "-c", DYING])
    names = ["a", "bad", "b", "none", "c"]
    paths = [write(tmp_path / f"{n}.gguf", ScriptedModel(say=f"{n}.")) for n in names]
    paths[3].write_text("<html>")
    found = dict(read_each(paths, cache_dir=cache))
    assert [isinstance(found[path], Facts) for path in paths] == [True, False, True, False, True]
    assert "status 3" in str(found[paths[1]])
    for file in files(cache):
        file.unlink()
    again = await read_all_in_child(paths, cache_dir=cache)
    assert {path: str(facts) for path, facts in again.items()} == {
        path: str(facts) for path, facts in found.items()
    }


def test_many_files_are_read_by_one_child(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    children = tmp_path / "children"
    code = f"open({str(children)!r}, 'a').write('x'); from paddock.llama.gguf_child import main; main()"
    monkeypatch.setattr(module, "_command", lambda: [sys.executable, "-c", code])
    paths = [write(tmp_path / f"{n}.gguf", ScriptedModel(say=f"{n}.")) for n in range(12)]
    found = dict(read_each([*paths, *paths], cache_dir=cache))
    assert [found[path] for path in paths] == [read_facts(path) for path in paths]
    assert children.read_text() == "x"


async def test_cancelled_it_leaves_no_child_behind(
    model: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pid_file = tmp_path / "pid"
    code = (
        f"import os, time; open({str(pid_file)!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(99)"
    )
    monkeypatch.setattr(module, "_command", lambda: [sys.executable, "-c", code])
    task = asyncio.create_task(in_child(model, cache))
    while not (pid_file.exists() and pid_file.read_text().endswith(" ")):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_importing_it_brings_no_numpy():
    check = "import sys, paddock.llama.facts; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
