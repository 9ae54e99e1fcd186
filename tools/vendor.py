"""Fetches the page's vendored files anew from their npm packages: `python tools/vendor.py` (needs npm).

What to fetch, and what it must be, is in src/paddock/web/vendor.toml. For another version change that table,
run this, and it says which hash it found.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOM = Path(__file__).parents[1] / "src" / "paddock" / "web"


def main() -> int:
    table = tomllib.loads((ROOM / "vendor.toml").read_text(encoding="utf-8"))
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        packages = sorted({(row["package"], row["version"]) for row in table.values()})
        opened = {package: packed(*package, Path(folder)) for package in packages}
        for name, row in table.items():
            content = member(opened[row["package"], row["version"]], row["member"])
            found = hashlib.sha256(content).hexdigest()
            if found != row["sha256"]:
                print(
                    f"{name}: the table says {row['sha256']}, the package has {found}: not written"
                )
                wrong += 1
                continue
            (ROOM / "page" / "vendor" / name).write_bytes(content)
    return 1 if wrong else 0


def packed(package: str, version: str, folder: Path) -> Path:
    """The package as npm has it, in this folder."""
    before = set(folder.iterdir())
    command = ["npm", "pack", "--silent", f"{package}@{version}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    [new] = set(folder.iterdir()) - before
    return new


def member(package: Path, name: str) -> bytes:
    with tarfile.open(package) as opened:
        found = opened.extractfile(f"package/{name}")
        assert found is not None, f"{package.name} has no {name}"
        return found.read()


if __name__ == "__main__":
    sys.exit(main())
