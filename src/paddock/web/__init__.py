"""The dashboard for browsers: the files of its page, which is a client of the HTTP API like any other.

It knows its own files and nothing of the daemon; `http/dashboard.py` serves them. The page is plain ES
modules, used as they lie here: no build step. Start reading at `page/main.js`, then `page/reducer.js`,
which mirrors `tui/reducer.py`; a view is one file of `page/views`. `page/vendor` has what others wrote,
unchanged: `vendor.toml` says what, and `tools/vendor.py` fetches it. `types.d.ts` is made of the OpenAPI
document by `tools/web_types.py`.

What the page must never do: keep a truth of its own, run what a file or a log says, or act because of
its address alone.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    compressed: bytes  # gzip
    media: str
    etag: str

    def plain(self) -> bytes:
        """Its content, for whoever cannot take it compressed."""
        return gzip.decompress(self.compressed)


@cache
def assets() -> dict[str, Asset]:
    """All files by their path below the page's folder; read and compressed once, in about 20 ms."""
    return {
        file.relative_to(FOLDER).as_posix(): _asset(file.read_bytes(), _MEDIA[file.suffix])
        for file in sorted(FOLDER.rglob("*"))
        if file.suffix in _MEDIA  # not what declares the vendored libraries to TypeScript
    }


def _asset(content: bytes, media: str) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:24]
    return Asset(gzip.compress(content, mtime=0), media, f'"{digest}"')
