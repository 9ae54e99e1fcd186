"""How a person gets one of Paddock's extras: by the program that installed this Paddock, into its own environment.

`pip install` alone goes into whichever environment the shell is in; for pipx, uv, and a virtual environment that is not
activated that is another one than Paddock's, where it brings nothing.
"""

import json
import os
import shutil
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from shlex import join, quote
from typing import Any

from paddock import DISTRIBUTION


def install_command(
    extra: str, *, prefix: Path | None = None, environ: Mapping[str, str] = os.environ
) -> str:
    """The command for a shell that adds the extra to the Paddock in the environment `prefix`; None: to this one."""
    here = prefix or Path(sys.prefix)
    if (here / "pipx_metadata.json").exists():
        return join(["pipx", "inject", _name_in_pipx(here), *_libraries(extra)])
    if receipt := _uv_receipt(here):
        return _by_uv(extra, receipt)
    return f"{_pip(here, environ)} {quote(f'{DISTRIBUTION}[{extra}]')}"


def _libraries(extra: str) -> list[str]:
    """What the extra consists of: what pipx injects it keeps over its upgrades, and asks no index for Paddock itself."""
    marker = f"extra == '{extra}'"
    try:
        wanted = [one.partition(";") for one in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        wanted = []
    found = [name.strip() for name, _, rest in wanted if marker in rest.replace('"', "'")]
    return found or [f"{DISTRIBUTION}[{extra}]"]


def _name_in_pipx(prefix: Path) -> str:
    """Of its environment, which pipx may have given a suffix."""
    try:
        return str(json.loads((prefix / "pipx_metadata.json").read_text())["environment"])
    except (OSError, ValueError, KeyError, TypeError):
        return prefix.name


def _uv_receipt(prefix: Path) -> list[dict[str, Any]]:
    """What `uv tool install` was given here: Paddock first; nothing where it was not uv."""
    try:
        found = tomllib.loads((prefix / "uv-receipt.toml").read_text())["tool"]["requirements"]
        ours = [one for one in found if one["name"] == DISTRIBUTION]
        return ours[:1] + [one for one in found if one not in ours]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _by_uv(extra: str, receipt: list[dict[str, Any]]) -> str:
    """uv forgets what it is not given again: the extras that are there, and what was installed with it."""
    paddock, *others = receipt
    extras = sorted({*paddock.get("extras", ()), extra})
    source = paddock.get("directory") or paddock.get("path") or paddock.get("editable")
    where = source or paddock.get("url") or ""
    named = f"{DISTRIBUTION}[{','.join(extras)}]"
    if source:
        named = f"{source}[{','.join(extras)}]"
    elif where:
        named += f" @ {where}"
    words = ["uv", "tool", "install", *(["--editable"] if paddock.get("editable") else []), named]
    for one in others:
        words += ["--with", f"{one['name']}{one.get('specifier', '')}"]
    return join(words)


def _pip(prefix: Path, environ: Mapping[str, str]) -> str:
    """The beginning of a command that installs into this environment."""
    found = shutil.which("pip", path=environ.get("PATH"))
    if found and Path(found).parent == prefix / "bin":
        return "pip install"
    python = quote(str(prefix / "bin" / "python"))
    has_pip = any(prefix.glob("lib/python3*/site-packages/pip"))
    if has_pip or (prefix == Path(sys.prefix) and find_spec("pip")):
        return f"{python} -m pip install"
    return f"uv pip install --python {python}"
