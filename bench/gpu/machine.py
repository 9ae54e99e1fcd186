"""The models that are measured, the cards, and a program that takes memory of one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynvml

from paddock.llama.scripted import ScriptedModel

HERE = Path(__file__).parent
MODELS = {
    # 8B dense, Q8_0; 32B dense, Q4_0; 30B-A3B, 128 experts, Q8_0
    "a8": ScriptedModel(
        say="I am a8.", name="a8", layers=32, embd=4096, heads=32, kv_heads=8, ff=14336,
        vocab=128256, ctx=131072,
    ),
    "b32": ScriptedModel(
        say="I am b32.", name="b32", layers=64, embd=5120, heads=40, kv_heads=8, ff=27648,
        vocab=151936, ctx=131072, ftype="q4_0",
    ),
    "x30": ScriptedModel(
        say="I am x30.", name="x30", arch="qwen3moe", layers=48, embd=2048, heads=32, kv_heads=4,
        ff=768, experts=128, experts_used=8, vocab=151936, ctx=131072,
    ),
}  # fmt: skip


class Cards:
    """What the driver reports, MiB."""

    def __init__(self) -> None:
        pynvml.nvmlInit()
        self._handles = [
            pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())
        ]

    def __len__(self) -> int:
        return len(self._handles)

    def free(self, index: int) -> int:
        return int(pynvml.nvmlDeviceGetMemoryInfo(self._handles[index]).free) >> 20

    def held_by(self, pid: int) -> list[int]:
        """MiB that a process holds of each card."""
        return [
            sum(
                int(p.usedGpuMemory or 0) >> 20
                for p in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
                if p.pid == pid
            )
            for handle in self._handles
        ]

    def words(self) -> str:
        names = [str(pynvml.nvmlDeviceGetName(handle)) for handle in self._handles]
        return f"{', '.join(names)}; driver {pynvml.nvmlSystemGetDriverVersion()}"


@contextmanager
def hog(device: int, mib: int) -> Iterator[None]:
    """Another program holds so much of a card."""
    if mib <= 0:
        yield
        return
    argv = [sys.executable, str(HERE / "hog.py"), str(device), str(mib)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"held":
            raise SystemExit(f"{mib} MiB of GPU {device} could not be taken")
        try:
            yield
        finally:
            process.kill()
