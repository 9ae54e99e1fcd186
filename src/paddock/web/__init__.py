"""The dashboard for browsers: the files of its page, which is a client of the HTTP API like any other.

It knows its own files and nothing of the daemon; `http/dashboard.py` serves them. The page is plain ES
modules, used as they lie here: no build step. The daemon joins those of the first view into one script as it
reads them (`joining.py`), since thirty requests take a browser longer than all the rest. Start reading at `page/main.js`, then `page/reducer.js`,
which mirrors `tui/reducer.py`; a view is one file of `page/views`. `page/vendor` has what others wrote,
unchanged: `vendor.toml` says what, and `tools/vendor.py` fetches it. `types.d.ts` is made of the OpenAPI
document by `tools/web_types.py`.

What the page must never do: keep a truth of its own, run what a file or a log says, or act because of
its address alone.
To add a view: a file in `page/views`, its address in `page/route.js`, its link and its case in `page/app.js`.
To add a number: a field in the API, `types.d.ts` made anew, its line in `page/reducer.js` as in `tui/reducer.py`, and the view that shows it.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paddock.web.joining import joined, stub

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"
FIRST = "main.js"  # the module that the page begins with
SCRIPT, STYLE = (
    "page.js",
    "page.css",
)  # made of all modules that it imports, and of all style sheets
ADDRESS = "/dashboard/files/"
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
    """All files by their path below the page's folder; read, joined and compressed once, in about 60 ms."""
    files = {
        file.relative_to(FOLDER).as_posix(): file.read_bytes()
        for file in sorted(FOLDER.rglob("*"))
        if file.suffix in _MEDIA  # not what declares the vendored libraries to TypeScript
    }
    return {name: _asset(name, content) for name, content in _with_joined(files).items()}


def fingerprint(content: bytes) -> str:
    """What names this content and no other."""
    return hashlib.sha256(content).hexdigest()[:24]


def _with_joined(files: dict[str, bytes]) -> dict[str, bytes]:
    """With the one script and the one style sheet of the first view, which the page names by their content."""
    scripts = {name: text.decode() for name, text in files.items() if name.endswith(".js")}
    whole = joined(scripts, FIRST)
    script = whole.text.encode()
    style = b"".join(text for name, text in files.items() if name.endswith(".css"))
    address = f"{ADDRESS}{SCRIPT}?{fingerprint(script)}"
    stubs = {name: stub(whole, scripts, name, address).encode() for name in whole.modules}
    page = files[INDEX].decode().replace(f"{ADDRESS}{SCRIPT}", address)
    page = page.replace(f"{ADDRESS}{STYLE}", f"{ADDRESS}{STYLE}?{fingerprint(style)}")
    return {**files, **stubs, SCRIPT: script, STYLE: style, INDEX: page.encode()}


def _asset(name: str, content: bytes) -> Asset:
    media = _MEDIA[name[name.rindex(".") :]]
    return Asset(gzip.compress(content, mtime=0), media, f'"{fingerprint(content)}"')
