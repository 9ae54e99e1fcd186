"""A process behind a gate: it opens no model before the gate is open, and then the model alone."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL

import pytest

from paddock.llama.gate import Gate
from paddock.llama.process import Child, Plumbing, spawn
from paddock.llama.signs import is_stopped

# What reads it: at once, after a while, as a child, by another name of the same, in a thread.
READERS = {
    "at once": 'exec cat "$1"',
    "later": 'x=1; while [ $x -lt 3000 ]; do x=$((x+1)); done; exec cat "$1"',
    "as a child": 'cat "$1"; exit 0',
    "by its own name": 'file="$(realpath "$1")"; exec cat "$file"',
    "twice": 'cat "$1" > /dev/null && exec cat "$1"',
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "models" / "model.gguf"
    path.parent.mkdir()
    path.write_text("weights")
    return path


@asynccontextmanager
async def reader(folder: Path, script: str, word: str) -> AsyncIterator[Child]:
    child = spawn(["sh", "-c", script, "sh", word], dict(os.environ), Plumbing(folder / "child"))
    try:
        yield child
    finally:
        child.signal(SIGKILL)
        await child.wait()


async def until_it_waits(pid: int) -> None:
    """Until it, or its child, sleeps in the kernel where a pipe is opened."""
    async with asyncio.timeout(20):
        while Path(f"/proc/{pid}/wchan").read_text() not in ("wait_for_partner", "do_wait"):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("is_waited_for", [True, False])
async def test_whoever_waits_gets_the_model_when_it_opens(
    tmp_path: Path, model: Path, kind: str, *, is_waited_for: bool
):
    gate = Gate(tmp_path / "files")
    [word] = gate.close([str(model)])
    async with reader(tmp_path, READERS[kind], word) as child:
        if is_waited_for and kind != "later":
            await until_it_waits(child.pid)
        assert not (tmp_path / "child" / "state").read_text()
        assert await gate.open(child)
        async with asyncio.timeout(20):
            assert await child.wait() == 0
    assert (tmp_path / "child" / "state").read_text() == "weights"


async def test_whenever_it_opens_nobody_is_left_waiting(tmp_path: Path, model: Path):
    for turn in range(12):
        gate = Gate(tmp_path / f"files{turn}")
        [word] = gate.close([str(model)])
        async with reader(tmp_path, READERS["at once"], word) as child:
            await asyncio.sleep(turn * 0.001)  # around the moment when it opens the name
            assert await gate.open(child)
            async with asyncio.timeout(20):
                assert await child.wait() == 0
    assert (tmp_path / "child" / "state").read_text() == "weights" * 12


async def test_one_that_is_gone_already_is_no_trouble(tmp_path: Path, model: Path):
    gate = Gate(tmp_path / "files")
    gate.close([str(model)])
    async with reader(tmp_path, "exit 3", "") as child:
        assert await child.wait() == 3
        assert await gate.open(child)
    assert is_stopped(child.pid)


def test_all_files_that_may_hold_weights_are_behind_it(tmp_path: Path, model: Path):
    for name in ("blob", "draft.gguf", "template.jinja", "big-00001-of-00002.gguf"):
        (model.parent / name).touch()
    (model.parent / "big-00002-of-00002.gguf").touch()
    place = model.parent
    argv = [
        "llama-server", "--model", f"{place}/blob", "--mmproj", str(model), "--md",
        f"{place}/draft.gguf", "--chat-template-file", f"{place}/template.jinja",
        "-ngl", "99", "--lora", f"{place}/absent.gguf", f"{place}/big-00001-of-00002.gguf",
    ]  # fmt: skip
    gate = Gate(tmp_path / "files")
    found = gate.close(argv)
    changed = {old: new for old, new in zip(argv, found, strict=True) if old != new}
    assert [Path(old).name for old in changed] == [Path(new).name for new in changed.values()]
    assert [Path(old).name for old in changed] == [
        "blob", "model.gguf", "draft.gguf", "big-00001-of-00002.gguf",
    ]  # fmt: skip
    assert all(Path(new).is_fifo() for new in changed.values())
    last = Path(found[-1]).with_name("big-00002-of-00002.gguf")
    assert last.resolve() == (place / last.name).resolve()


def test_where_nothing_is_named_nothing_is_held(tmp_path: Path):
    gate = Gate(tmp_path / "files")
    assert gate.close(["llama-server", "--hf-repo", "some/model"])[2] == "some/model"
    assert not gate.holds_anything
    assert not (tmp_path / "files").exists()
