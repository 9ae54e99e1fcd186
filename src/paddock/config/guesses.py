"""Explains an unknown key, and guesses which one was meant. Pure."""

import os

from paddock.config.command_line import Complaint
from paddock.config.ini import Entry
from paddock.config.router_names import repository_files
from paddock.config.spellings import GONE, bare
from paddock.config.vocabulary import RESERVED, WRAPPER_FLAGS, own_keys
from paddock.llama.flags import FlagSet
from paddock.near import nearest


def unknown_key(entry: Entry, canonical: str, flags: FlagSet) -> Complaint:
    """`canonical`: the flag that it stands for, if that is known."""
    key = entry.key
    if lack := flags.lack(canonical) or flags.lack(key):
        message = f"this engine cannot do {key}: {lack}"
        return Complaint(message, _downloaded(entry.value), "unknown-flag")
    if key.lower() in WRAPPER_FLAGS:
        message = f"{key} stands for {canonical}, which this engine lacks"
        return Complaint(message, "", "unknown-flag")
    return Complaint(f"unknown key {key!r}", _hint(key, flags), "unknown-flag")


def _downloaded(repository: str) -> str:
    """What to write if the wanted file is on the disk already."""
    file = repository_files(repository, os.environ).get("--model")
    fetched = "`paddock pull` with the name of this section fetches it"
    return f"it is there: write MODEL = {file}" if file else fetched


def _hint(key: str, flags: FlagSet) -> str:
    """The nearest key of all three vocabularies, in the style of the file."""
    if gone := GONE.get(bare(key)):
        return gone
    ours = {own.lower(): own for own in own_keys()}
    longs = (s for spec in flags.specs for s in spec.spellings if s.startswith("--"))
    theirs = {s[2:]: s[2:] for s in longs if not RESERVED.fullmatch(s)}
    names = theirs | ours if key.isupper() else ours | theirs
    found = nearest(key.lower(), names)
    return f"did you mean {names[found]!r}?" if found else ""
