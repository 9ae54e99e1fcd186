"""The documents of this tree, as the tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: str, *languages: str) -> list[str]:
    """The fenced blocks in one of these languages."""
    return [body for language, body in _FENCE.findall(page) if language in languages]


def commands(page: str) -> list[str]:
    """What a reader may type: the lines of shell blocks, and whatever stands between backticks."""
    lines = [line for block in blocks(page, "sh", "console") for line in block.splitlines()]
    return [*(line.removeprefix("$ ") for line in lines), *_INLINE.findall(_FENCE.sub("", page))]
