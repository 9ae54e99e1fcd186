"""Recognises other programs' files that were given as a models.conf, by what only they contain. Pure."""

import re

from paddock.config.profile import Problem

# What it is, the verb that reads it, and the patterns of which it has all.
_SHAPES = (
    ("llama-swap's", "llama-swap", (r"^models:\s*(?:#.*)?$", r"^\s+[\"']?cmd[\"']?:")),
    ("a compose file", "wrapper", (r"^services:\s*(?:#.*)?$",)),
    ("a systemd unit", "wrapper", (r"^\[Service\]\s*$", r"^ExecStart\s*=")),
    ("a quadlet", "wrapper", (r"^\[Container\]\s*$", r"^Image\s*=")),
    ("a script", "wrapper", (r"\A#![^\n]*sh\b", r"llama-server")),
)


def foreign(text: str, file: str) -> Problem | None:
    """The problem: what the file is, and the command that makes a models.conf of it."""
    for name, verb, patterns in _SHAPES:
        if all(re.search(pattern, text, re.MULTILINE) for pattern in patterns):
            hint = f"`paddock import {verb} {file}` makes one of it"
            return Problem("error", f"is {name}, not a models.conf", hint, file)
    return None
