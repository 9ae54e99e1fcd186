"""All ES modules that a page begins with, joined into one: a browser then asks once instead of thirty times.

Each module becomes a function that is called once, in the order in which they need each other. It reads the
few forms of `import` and `export` that the page's modules use (`tests/web/test_joining.py` lists them), and
refuses, by name and form, what it does not: cycles, `export let`, `export default` and `export … from`.

A module that is fetched later (`import("./x.js")`) may import what is joined: `stub` is the file to be had
at a joined module's own address, so that there is one `store.js` and not two.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_IMPORT = re.compile(
    r'^import\s+(?:\*\s+as\s+(?P<all>[\w$]+)\s+from\s+|\{(?P<some>[^}]*)\}\s*from\s+)?"(?P<path>[^"]+)";?$',
    re.MULTILINE,
)
_EXPORTED = re.compile(
    r"^export\s+(?P<kind>(?:async\s+)?function\*?|class|const)\s+(?P<name>[\w$]+)", re.MULTILINE
)
_LIST = re.compile(  # last, perhaps before a comment that names a source map
    r"(?:^|(?<=[;}]))[^\S\n]*export\s*\{(?P<names>[^}]*)\}\s*;?(?:\s*//[^\n]*)?\s*\Z",
    re.MULTILINE,
)
_LATER = re.compile(r'\bimport\("(\.[^"]+\.js)"\)')
_LEFT = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)


class CannotJoin(ValueError):
    """A module is written in a way that this file does not read."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One script of many modules."""

    text: str
    modules: Sequence[str]  # by path, each after those that it needs


def joined(sources: Mapping[str, str], first: str) -> Joined:
    """`first` and all that it imports, by path; raises CannotJoin."""
    order = list(_ordered(sources, first, [], set()))
    place = {path: f"m{number}" for number, path in enumerate(order)}
    parts = [
        f"// ---- {path} ----\nexport const {place[path]} = (() => {{\n"
        f"{_body(path, sources[path], place)}\n"
        f"return {{ {', '.join(f'{n}: {local}' for n, local in _exports(sources[path]).items())} }};\n}})();\n"
        for path in order
    ]
    return Joined("".join(parts), order)


def stub(whole: Joined, sources: Mapping[str, str], path: str, address: str) -> str:
    """What stands at the address of this module: the same objects, out of the joined script at `address`."""
    name = f"m{whole.modules.index(path)}"
    lines = [f"export const {public} = {name}.{public};" for public in _exports(sources[path])]
    return f'import {{ {name} }} from "{address}";\n' + "\n".join(lines) + "\n"


def later(sources: Mapping[str, str]) -> set[str]:
    """The modules that are fetched when they are needed."""
    return {
        _beside(path, found)
        for path, text in sources.items()
        for found in _LATER.findall(_code(text))
    }


def _ordered(
    sources: Mapping[str, str], path: str, above: list[str], seen: set[str]
) -> Iterator[str]:
    if path in above:
        raise CannotJoin(f"modules import each other in a circle: {' → '.join([*above, path])}")
    if path in seen:
        return
    if path not in sources:
        raise CannotJoin(f"{above[-1] if above else 'the page'} imports {path}, which is not there")
    for found in _IMPORT.finditer(sources[path]):
        yield from _ordered(sources, _beside(path, found["path"]), [*above, path], seen)
    seen.add(path)
    yield path


def _body(path: str, text: str, place: Mapping[str, str]) -> str:
    def imported(found: re.Match[str]) -> str:
        source = place[_beside(path, found["path"])]
        if found["all"]:
            return f"const {found['all']} = {source};"
        if found["some"] is None:
            return ""
        wanted = ", ".join(f"{name}: {local}" for name, local in _names(found["some"]))
        return f"const {{ {wanted} }} = {source};"

    text = _LIST.sub("", _IMPORT.sub(imported, text))
    text = _EXPORTED.sub(lambda found: f"{found['kind']} {found['name']}", text)
    if left := _LEFT.search(_code(text)):
        raise CannotJoin(f"{path}: this form is not read here: {left[0][:80]}")
    return _LATER.sub(lambda found: f'import("./{_beside(path, found[1])}")', text)


def _exports(text: str) -> dict[str, str]:
    """Each public name with the local one."""
    found = {match["name"]: match["name"] for match in _EXPORTED.finditer(text)}
    if listed := _LIST.search(text):
        found |= {public: local for local, public in _names(listed["names"])}
    return found


def _names(text: str) -> list[tuple[str, str]]:
    """Of `a, b as c`: a pair for each, twice the same where it keeps its name."""
    words = [part.split() for part in text.split(",") if part.strip()]
    return [(word[0], word[-1]) for word in words]


def _code(text: str) -> str:
    """Without block comments, which may name modules too."""
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def _beside(path: str, relative: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), relative))
