"""How long a process was ready to run and had no CPU: others had it (Linux, `schedstat`)."""

from pathlib import Path

_PROC = Path("/proc")


def waited(pid: int, proc: Path = _PROC) -> float | None:
    """Seconds that its first thread has waited for a CPU since it began; None where nobody knows.

    Of llama-server that is the thread that computes.
    """
    try:
        _, waiting, *_ = (proc / str(pid) / "schedstat").read_text().split()
        return int(waiting) / 1e9
    except (OSError, ValueError):
        return None
