"""Other programs' files, given for a models.conf: told apart by what only they contain. Pure."""

import re

from paddock.config.profile import Problem

_SHAPES = (
    (re.compile(r"^models:\s*(?:#.*)?$.*^\s+[\"']?cmd[\"']?:", re.M | re.S), "llama-swap's", "llama-swap"),
    (re.compile(r"^services:\s*(?:#.*)?$", re.M), "a compose file", "wrapper"),
    (re.compile(r"^\[Service\]\s*$.*^ExecStart\s*=", re.M | re.S), "a systemd unit", "wrapper"),
    (re.compile(r"^\[Container\]\s*$.*^Image\s*=", re.M | re.S), "a quadlet", "wrapper"),
    (re.compile(r"\A#!.*sh\b.*llama-server", re.S), "a script", "wrapper"),
)  # fmt: skip


def foreign(text: str, file: str) -> Problem | None:
    """What it is instead, and the command that makes a models.conf of it."""
    for shape, name, verb in _SHAPES:
        if shape.search(text):
            hint = f"`paddock import {verb} {file}` makes one of it"
            return Problem("error", f"is {name}, and no models.conf", hint, file)
    return None
