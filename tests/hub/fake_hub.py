"""A hub of the tests' own, on loopback: what `huggingface_hub` 2.4 asks of one, and faults on request.

Recorded by running the library against it (`test_protocol.py` holds the record): a repository is `GET
/api/models/OWNER/REPO/revision/REV?blobs=true`; a file is `HEAD`, then `GET`, of `/OWNER/REPO/resolve/REV/FILE`,
answered with 302 to another origin and X-Repo-Commit, X-Linked-Size, X-Linked-Etag; what it redirects to serves ranges.
The HEAD is not followed there, the GET is. A small file that is not in LFS is answered at once. There are no Xet
headers, so the library streams over HTTP.
"""

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40
_API = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<rev>[^/]+))?")
_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<file>.+)")
_PIECE = 1 << 20


@dataclass
class HubFile:
    """One file of a repository. `said_size` and `said_sha256` are what the hub claims, where that is a lie."""

    path: Path
    said_size: int | None = None
    said_sha256: str | None = None
    is_lfs: bool = True

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.said_size is None else self.said_size

    @property
    def sha256(self) -> str:
        return self.said_sha256 or digest(self.path)

    @property
    def oid(self) -> str:
        """Git's own name of the content."""
        content = self.path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.oid


@dataclass
class HubRepository:
    files: dict[str, HubFile] = field(default_factory=dict)
    commit: str = COMMIT
    is_private: bool = False
    earlier: dict[str, dict[str, HubFile]] = field(default_factory=dict)  # files by commit


@dataclass
class Seen:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def range(self) -> str:
        return self.headers.get("range", "")


@dataclass
class Faults:
    """What the hub does wrong, each until it is changed back."""

    statuses: list[int] = field(
        default_factory=list
    )  # the next answers for files have these, one each
    retry_after: str = ""  # with 429
    cuts: list[int] = field(
        default_factory=list
    )  # the next replies end after so many bytes, one each
    ignores_range: bool = False
    shifts_range: int = 0  # serves from so many bytes further on than it says
    misnames_range: bool = False  # says that it serves from elsewhere than it was asked for
    flips: bool = False  # one byte of the content is another
    pause: float = 0.0  # before each piece of a reply
    piece: int = _PIECE
    redirects_to: str = ""  # where `resolve` sends; "" is our own address for content
    offers_xet: bool = False  # says that Xet has the file, too; there is no Xet server
    token: str = ""  # asked for private repositories


class FakeHub:
    """The server, what it holds, what it was asked, and its faults."""

    def __init__(self) -> None:
        self.repositories: dict[str, HubRepository] = {}
        self.seen: list[Seen] = []
        self.faults = Faults()
        self.sent = Counter[str]()  # bytes of content by path
        hub = self

        class Handler(_Handler):
            fake = hub

        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        self._threads = [
            threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True)
            for one in self._servers
        ]

    @property
    def url(self) -> str:
        """Of the hub itself."""
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def store(self) -> str:
        """Where it sends for content: another origin, as the real hub's is."""
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    def add(self, repository: str, files: dict[str, Path], **what: Any) -> HubRepository:
        made = HubRepository({name: HubFile(path) for name, path in files.items()}, **what)
        self.repositories[repository] = made
        return made

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    def asked(self, method: str, part: str) -> list[Seen]:
        return [one for one in self.seen if one.method == method and part in one.path]


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    hub = FakeHub()
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()


def digest(path: Path) -> str:
    facts = path.stat()
    return _digest(path, facts.st_size, facts.st_mtime_ns)


@cache
def _digest(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self._answer(has_body=False)

    def do_GET(self) -> None:
        self._answer(has_body=True)

    def _answer(self, *, has_body: bool) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.fake.seen.append(Seen(self.command, self.path, headers))
        path = unquote(urlsplit(self.path).path)
        if found := _API.fullmatch(path):
            self._repository(found["repo"], found["rev"])
        elif path.startswith("/content/"):
            self._content(path.removeprefix("/content"), has_body=has_body)
        elif found := _FILE.fullmatch(path):
            self._file(found["repo"], found["rev"], found["file"])
        else:
            self._error(404, "EntryNotFound")

    # ---- the API ----

    def _repository(self, name: str, revision: str | None) -> None:
        repo = self.fake.repositories.get(name)
        if repo is None or not self._is_let_in(repo):
            self._error(401, "RepoNotFound")
        elif (files := _files_at(repo, revision or "main")) is None:
            self._error(404, "RevisionNotFound")
        else:
            commit = revision if revision in repo.earlier else repo.commit
            self._json(
                {"id": name, "sha": commit, "siblings": [_sibling(n, f) for n, f in files.items()]}
            )

    def _is_let_in(self, repo: HubRepository) -> bool:
        wanted = f"Bearer {self.fake.faults.token}"
        return not repo.is_private or self.headers.get("authorization") == wanted

    # ---- files ----

    def _file(self, name: str, revision: str, file: str) -> None:
        repo = self.fake.repositories.get(name)
        if repo is None or not self._is_let_in(repo):
            self._error(401, "RepoNotFound")
            return
        found = (_files_at(repo, revision) or {}).get(file)
        if found is None:
            self._error(404, "EntryNotFound")
            return
        if not found.is_lfs:
            self._content(f"/{name}/{revision}/{file}", has_body=self.command == "GET")
            return
        to = self.fake.faults.redirects_to or f"{self.fake.store}/content"
        self.send_response(302)
        self.send_header("X-Repo-Commit", revision if revision in repo.earlier else repo.commit)
        self.send_header("X-Linked-Size", str(found.size))
        self.send_header("X-Linked-Etag", f'"{found.etag}"')
        self.send_header("ETag", f'"{found.etag}"')
        if self.fake.faults.offers_xet:
            self.send_header("X-Xet-Hash", "e" * 64)
            self.send_header("X-Xet-Refresh-Route", f"{self.fake.url}/xet")
        self.send_header("Location", f"{to}/{name}/{revision}/{file}?signature=x")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _content(self, path: str, *, has_body: bool) -> None:
        faults = self.fake.faults
        if faults.statuses:
            self._error(faults.statuses.pop(0), "Broken")
            return
        owner, name, revision, file = path.strip("/").split("/", 3)
        repo = self.fake.repositories[f"{owner}/{name}"]
        found = (_files_at(repo, revision) or {})[file]
        size = found.path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        start, end = 0, size
        if asked and not faults.ignores_range:
            start, end = int(asked[1]), int(asked[2]) + 1 if asked[2] else size
            if start >= size:
                self._error(416, "Range")
                return
            end = min(end, size)
            self.send_response(206)
            said = start + 7 if faults.misnames_range else start
            self.send_header("Content-Range", f"bytes {said}-{end - 1}/{size}")
        else:
            self.send_response(200)
        if not found.is_lfs:
            self.send_header("X-Repo-Commit", revision if revision in repo.earlier else repo.commit)
        self.send_header("ETag", f'"{found.etag}"')
        self.send_header("Content-Length", str(end - start))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if has_body:
            self._send(found, file, start + faults.shifts_range * bool(start), end - start)

    def _send(self, found: HubFile, name: str, start: int, length: int) -> None:
        faults = self.fake.faults
        most = faults.cuts.pop(0) if faults.cuts else length
        with found.path.open("rb") as file:
            file.seek(start)
            left = min(most, length)
            while left > 0:
                if faults.pause:
                    time.sleep(faults.pause)
                piece = bytearray(file.read(min(left, faults.piece)))
                if not piece and not faults.shifts_range:
                    break
                piece = piece or bytearray(left)
                if faults.flips:
                    piece[-1] ^= 1
                try:
                    self.wfile.write(piece)
                except OSError:
                    self.close_connection = True
                    return
                self.fake.sent[name] += len(piece)
                left -= len(piece)
        if most < length or left:
            self.close_connection = True

    # ---- words ----

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        if status == 429 and self.fake.faults.retry_after:
            self.send_header("Retry-After", self.fake.faults.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _files_at(repo: HubRepository, revision: str) -> dict[str, HubFile] | None:
    if revision in ("main", repo.commit):
        return repo.files
    return repo.earlier.get(revision)


def _sibling(name: str, file: HubFile) -> dict[str, object]:
    entry: dict[str, object] = {"rfilename": name, "size": file.size, "blobId": "0" * 40}
    if file.is_lfs:
        lfs = {"sha256": file.sha256, "size": file.size, "pointerSize": 135}
        return {**entry, "lfs": lfs}
    return {**entry, "blobId": file.oid}
