"""What `paddock check` takes with many distinct model files, against one process for each file.

    python bench/check.py [FILES]

Both ways run in one go, each with an empty memory of headers; the ratio is what counts. One process
for each file, as many at once as there are cores, is how it was done before.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from paddock.llama.scripted import ScriptedModel, write

FILES = 300
RUNS = 1  # of each; the ratio is far from its limit
# The same verb, but for the one place where headers are read.
ONE_BY_ONE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from paddock.llama import facts
from paddock.placement import examination
together = facts.read_each
def one_by_one(paths, *, cache_dir):
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        one = lambda path: list(together([path], cache_dir=cache_dir))
        for found in pool.map(one, dict.fromkeys(paths)):
            yield from found
examination.read_each = one_by_one
from paddock.cli.main import run  # it reads sys.argv
run()
"""


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else FILES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        conf = _filled(folder, count)
        ways = {
            "one child for all files": [sys.executable, "-m", "paddock"],
            "one child for each file": [sys.executable, "-c", ONE_BY_ONE],
        }
        times = {
            way: [_timed(command, conf, folder) for _ in range(RUNS)]
            for way, command in ways.items()
        }
    for way, taken in times.items():
        print(f"{way}: {min(taken):.2f} s, best of {', '.join(f'{t:.2f}' for t in taken)}")
    together, apart = (min(taken) for taken in times.values())
    print(f"ratio for {count} files: {together / apart:.3f}")


def _filled(folder: Path, count: int) -> Path:
    """A models.conf with so many profiles, each of a file of its own."""
    first = write(folder / "m0.gguf", ScriptedModel(say="Hi."))
    for number in range(1, count):
        shutil.copy(first, folder / f"m{number}.gguf")
    conf = folder / "models.conf"
    conf.write_text("".join(f"[m{n}]\nmodel = m{n}.gguf\n" for n in range(count)))
    return conf


def _timed(command: list[str], conf: Path, folder: Path) -> float:
    state = folder / "state"
    shutil.rmtree(state / "paddock" / "facts", ignore_errors=True)
    environ = {**os.environ, "XDG_STATE_HOME": str(state)}
    argv = [*command, "check", str(conf), "--models-dir", str(folder)]
    begun = time.monotonic()
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    taken = time.monotonic() - begun
    if "no errors" not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    return taken


if __name__ == "__main__":
    main()
