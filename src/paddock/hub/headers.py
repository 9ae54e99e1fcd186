"""The header of a model that is still on the hub, by ranged requests: some MB of it, and no weights.

What came is written into a file with a hole behind it, as long as the whole one. Whatever reads GGUF files takes it
for the model: our own hardened reader (in a process of its own), the estimate, an engine that is asked for a
plan. Where the header turns out to be longer than what came, the next step asks for more.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from paddock.hub.library import Hub, translated
from paddock.hub.names import HubName
from paddock.hub.offline import beginning
from paddock.hub.refusals import HubContradicts, HubUnreachable
from paddock.hub.repository import HubFile, HubModel
from paddock.llama.facts import read
from paddock.llama.gguf import Facts, GgufError

# Bytes of a first shard; vocabularies of 150,000 to 260,000 words and their merges take 5 to 12 MB.
_STEPS = (8 << 20, 24 << 20, 64 << 20)
_FURTHER = (1 << 20, 8 << 20, 64 << 20)  # of further shards, which name tensors only
_SECONDS = 30.0
_KEPT = 40  # models whose headers are kept
_AT_ONCE = 4  # requests


@dataclass(frozen=True, slots=True)
class RemoteHeaders:
    """Reads headers of one revision into `folder`, a file for each of the repository's."""

    hub: Hub
    name: HubName
    commit: str
    folder: Path

    def facts(self, offer: HubModel) -> Facts:
        """What the model's header says. Blocking.

        GgufError where it is no GGUF, or one that makes no sense; HubUnreachable and the like where it cannot be had.
        """
        place = self._place(offer)
        for step in range(len(_STEPS)):
            lengths = self._have(offer, place, step)
            try:
                facts = read(place / offer.first.name, cache_dir=self.folder)
            except GgufError as error:
                if error.kind not in ("damaged", "odd", "short") or self._is_all(offer, lengths):
                    raise
                continue
            if all(a <= b for a, b in zip(facts.header_bytes, lengths, strict=False)):
                return facts
        raise GgufError(
            f"{offer.first.name} has a header of more than {_STEPS[-1] >> 20} MiB", kind="odd"
        )

    def extra(self, file: HubFile, offer: HubModel) -> Path:
        """A file with nothing in it but its length, beside the model's: a projector counts by its size."""
        path = self._place(offer) / file.name
        if not path.exists():
            with path.open("wb") as made:
                made.truncate(file.size)
        return path

    def _place(self, offer: HubModel) -> Path:
        place = self.folder / offer.first.etag[:32]
        if not place.is_dir():
            _tidy(self.folder)
            place.mkdir(parents=True)
        return place

    def _is_all(self, offer: HubModel, lengths: Sequence[int]) -> bool:
        return all(file.size <= length for file, length in zip(offer.files, lengths, strict=True))

    def _have(self, offer: HubModel, place: Path, step: int) -> list[int]:
        """Have so much of each file; the bytes that each has."""
        wanted = [
            min(file.size, (_FURTHER if place_ else _STEPS)[step])
            for place_, file in enumerate(offer.files)
        ]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            paths = [place / file.name for file in offer.files]
            list(pool.map(self._one, offer.files, paths, wanted))
        return wanted

    def _one(self, file: HubFile, path: Path, wanted: int) -> None:
        mark = path.with_name(f".{path.name}.{wanted}")  # there once so much of it is
        if mark.exists():
            return
        is_here = self.hub.is_offline
        body = (
            beginning(self.hub, self.name, file, wanted) if is_here else self._range(file, wanted)
        )
        with path.open("wb") as made:
            made.write(body)
            made.truncate(file.size)
        mark.touch()

    def _range(self, file: HubFile, wanted: int) -> bytes:
        from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff

        url = self.hub.file_url(self.name, self.commit, file.path)
        headers = {**self.hub.headers(), "Range": f"bytes=0-{wanted - 1}"}
        body = bytearray()
        with translated(f"file {file.path}"):
            stream = http_stream_backoff(
                "GET", url, headers=headers, timeout=_SECONDS, max_retries=2, base_wait_time=0.5
            )
            with stream as response:
                hf_raise_for_status(response)
                # A hub that ignores the range sends all of it: no more than was asked for is read.
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) >= wanted:
                        break
        if len(body) < wanted:
            words = f"the beginning of {file.path} ended after {len(body):,} of {wanted:,} bytes"
            raise (HubContradicts if wanted < file.size else HubUnreachable)(words)
        return bytes(body[:wanted])


def _tidy(folder: Path) -> None:
    """Only the newest are kept: each takes some MB on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [entry for entry in os.scandir(folder) if entry.is_dir() and len(entry.name) == 32]
    for old in sorted(places, key=lambda entry: -entry.stat().st_mtime)[_KEPT:]:
        shutil.rmtree(old.path, ignore_errors=True)
