"""A preset of llama.cpp's router, as people have it, is served by a real daemon as it stands."""

from pathlib import Path

import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.yard import places, yard

PRESET = """\
version = 1

; for all ; of them
[*]
threads = 1
c = 1024 ; enough
parallel = 1
mlock = off

; Named after a file of the models folder.
[plain]
no-mmap = true # as it was called last year

[folder]
direct-io = off
EXTRA_ARGS = --mmap -fa --no-webui # all old

; Says all that it does.
[loud]
model = plain.gguf
verbose = true
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models" / "folder").mkdir(parents=True)
    write(tmp_path / "models" / "plain.gguf", ScriptedModel(say="I am plain."))
    write(tmp_path / "models" / "folder" / "whatever-Q8_0.gguf", ScriptedModel(say="I am folded."))
    return tmp_path


async def test_it_is_served_as_it_stands(models: Path) -> None:
    paths = places(models, "")
    paths.config.write_text(PRESET)
    async with yard(paths) as daemon:
        assert await daemon.answer("plain") == "I am plain."
        assert await daemon.answer("folder") == "I am folded."
        assert await daemon.answer("loud") == "I am plain."
        pids = {one.profile: one.pid for one in (await daemon.status()).instances}
        argv = {profile: _argv(pid) for profile, pid in pids.items() if pid}
    assert _value(argv["plain"], "--load-mode") == "none"
    assert _value(argv["folder"], "--load-mode") == "mmap"
    assert _value(argv["folder"], "--flash-attn") == "on"
    assert _value(argv["plain"], "--ctx-size") == "1024"
    assert "--log-verbose" in argv["loud"]
    assert "--log-verbosity" not in argv["loud"]
    assert _value(argv["plain"], "--log-verbosity") == "4"


def _argv(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def _value(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1]
