"""Prints figures of this code's style, by room.

    python tools/style.py [--json] [--list] [--compare REF]

Needs nothing but Python and, for `--compare`, git. A room is a package directly in src/paddock; the
single modules beside them count as one room. The columns:

- func: lines of a function; >30: the share of longer ones.
- params: of constructors that are written out; callbacks: those whose type is a Callable, or an alias
  of one, and the number of constructors.
- docs: the share of modules, classes and functions with a docstring.
- circles: of imports between modules, wherever they stand: at the top, in a function, under
  `TYPE_CHECKING`.
- doubled: class names that stand in two modules or more.
- words: occurrences of WORDS. Those beside src (tests, docs, findings, … and the pages on top) have a line of
  their own.
"""

import argparse
import ast
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

from circles import circles

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "paddock"
WORDS = ("told", "tells", "in force", "by now")  # each has a plainer one
OUTSIDE = ("tests", "bench", "tools", "docs", "findings", "examples", "packaging")  # beside src
LISTS = ("tools/style.py", "tests/test_style.py")  # they name the words
LONG = 30  # lines of a function
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """One module, parsed."""

    name: str  # `paddock.core.books`
    text: str
    tree: ast.Module
    is_package: bool

    @property
    def room(self) -> str:
        parts = self.name.split(".")
        return parts[1] if len(parts) > 2 or (self.is_package and len(parts) == 2) else "(single)"

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    def of(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    @property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def classes(self) -> list[ast.ClassDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]


def read(folder: Path) -> list[Source]:
    """All modules of the package in `folder`, by name."""
    return [_source(path, folder) for path in sorted((folder / PACKAGE).rglob("*.py"))]


def _source(path: Path, folder: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    parts = path.relative_to(folder).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Source(name, text, ast.parse(text), is_package)


# ---- imports ----


def imports(sources: Sequence[Source]) -> dict[str, set[str]]:
    """Which modules of the package each imports, itself apart."""
    known = {source.name for source in sources}
    return {source.name: set(_imported(source, known)) - {source.name} for source in sources}


def _imported(source: Source, known: set[str]) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from {inner, node.module} & known if inner not in known else {inner}


# ---- what is counted ----


@dataclass
class Figures:
    """Of one room, or of the whole package."""

    files: int
    file_lines: Sequence[float]  # median, 90th of 100, largest
    function_lines: Sequence[float]  # median, mean
    long_functions: float  # share of all functions
    parameters: Sequence[float]  # of written constructors: median, 90th of 100, largest
    constructors: int
    callbacks: int
    docstrings: float  # share of modules, classes and functions that have one
    circles: int
    doubled: int  # class names that stand in another module, too
    words: int


@dataclass
class Survey:
    """The whole package with what only the whole shows: circles, doubled names, aliases."""

    sources: Sequence[Source]
    graph: Mapping[str, set[str]] = field(init=False)
    circles: Sequence[Sequence[str]] = field(init=False)
    doubled: Mapping[str, Sequence[str]] = field(init=False)
    aliases: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.graph = imports(self.sources)
        self.circles = circles(self.graph)
        self.doubled = _doubled(self.sources)
        self.aliases = frozenset(_aliases(self.sources))

    def rooms(self) -> dict[str, Figures]:
        names = sorted({source.room for source in self.sources})
        by_room = {name: [s for s in self.sources if s.room == name] for name in names}
        found = {name: self.figures(sources) for name, sources in by_room.items()}
        return found | {"all": self.figures(self.sources)}

    def figures(self, sources: Sequence[Source]) -> Figures:
        names = {source.name for source in sources}
        lengths = [_length(f) for source in sources for f in source.functions]
        constructors = [p for source in sources for p in _constructors(source)]
        return Figures(
            files=len(sources),
            file_lines=_spread([source.lines for source in sources]),
            function_lines=(median(lengths), mean(lengths)) if lengths else (0, 0),
            long_functions=_share(length > LONG for length in lengths),
            parameters=_spread([len(parameters) for parameters in constructors]),
            constructors=len(constructors),
            callbacks=sum(self._is_callback(p) for each in constructors for p in each),
            docstrings=_share(_has_docstring(n) for s in sources for n in s.of(*Documented)),
            circles=sum(any(name in names for name in circle) for circle in self.circles),
            doubled=sum(any(name in names for name in places) for places in self.doubled.values()),
            words=sum(_count(word, source.text) for source in sources for word in WORDS),
        )

    def callbacks(self) -> Iterator[str]:
        """Where each callback is handed in."""
        for source in self.sources:
            for parameters in _constructors(source):
                found = (p for p in parameters if self._is_callback(p))
                yield from (f"{source.name}:{p.lineno} {p.arg}" for p in found)

    def _is_callback(self, parameter: ast.arg) -> bool:
        text = ast.unparse(parameter.annotation) if parameter.annotation else ""
        return bool({"Callable", *self.aliases} & set(re.findall(r"\w+", text)))


def _doubled(sources: Sequence[Source]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for source in sources:
        for one in {node.name for node in source.classes}:
            places.setdefault(one, []).append(source.name)
    return {name: found for name, found in sorted(places.items()) if len(found) > 1}


def _aliases(sources: Sequence[Source]) -> Iterator[str]:
    """Names that stand for a Callable: `Report = Callable[[str], None]`."""
    for source in sources:
        for node in source.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Callable["):
                yield from (one.id for one in node.targets if isinstance(one, ast.Name))


def _constructors(source: Source) -> Iterator[list[ast.arg]]:
    for one in source.classes:
        for node in one.body:
            if isinstance(node, Function) and node.name == "__init__":
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                yield given[1:]


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _has_docstring(node: ast.AST) -> bool:
    assert isinstance(node, Documented)
    return ast.get_docstring(node) is not None


def _spread(values: Sequence[int]) -> tuple[float, float, float]:
    ordered = sorted(values) or [0]
    return median(ordered), ordered[int(0.9 * (len(ordered) - 1) + 0.5)], ordered[-1]


def _share(found: Iterable[bool]) -> float:
    values = list(found)
    return sum(values) / len(values) if values else 0.0


def _count(word: str, text: str) -> int:
    return len(re.findall(rf"\b{word}\b", text))


def outside(root: Path) -> dict[str, list[str]]:
    """Where WORDS stand in each folder of OUTSIDE, and in the pages on top: `tests/x.py:3 told`."""
    found = {
        folder: list(_places(root, (root / folder).rglob("*")))
        for folder in OUTSIDE
        if (root / folder).is_dir()
    }
    pages = list(root.glob("*.md"))
    return found | ({"pages on top": list(_places(root, pages))} if pages else {})


def _places(root: Path, files: Iterable[Path]) -> Iterator[str]:
    kinds = (".py", ".md", ".sh")
    for path in sorted(one for one in files if one.suffix in kinds):
        name = path.relative_to(root).as_posix()
        if name in LISTS:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            # Names of tests and of variables are words with underscores.
            text = line.replace("_", " ")
            yield from (
                f"{name}:{number} {word}" for word in WORDS for _ in range(_count(word, text))
            )


# ---- what is printed ----

HEADS = (
    "room", "files", "file med/p90/max", "func med/mean", ">30", "params med/p90/max",
    "callbacks", "docs", "circles", "doubled", "words",
)  # fmt: skip


def row(name: str, one: Figures) -> list[str]:
    return [
        name, str(one.files), " / ".join(f"{v:g}" for v in one.file_lines),
        " / ".join(f"{v:.1f}" for v in one.function_lines), f"{one.long_functions:.1%}",
        " / ".join(f"{v:g}" for v in one.parameters), f"{one.callbacks} in {one.constructors}",
        f"{one.docstrings:.0%}", str(one.circles), str(one.doubled), str(one.words),
    ]  # fmt: skip


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (zip(cells, widths, strict=True) for cells in rows)
    return "\n".join("  ".join(c.ljust(w) for c, w in line).rstrip() for line in lines)


def shown(survey: Survey) -> str:
    return table([HEADS, *(row(name, one) for name, one in survey.rooms().items())])


def listed(survey: Survey) -> Iterator[str]:
    """What stands behind the counts that should be zero."""
    yield from (f"circle: {' '.join(circle)}" for circle in survey.circles)
    yield from (f"{name}: {' '.join(places)}" for name, places in survey.doubled.items())
    yield from (f"callback: {place}" for place in survey.callbacks())


def at(ref: str) -> Survey:
    """The package as it was at a commit."""
    command = ["git", "-C", str(ROOT), "archive", ref, f"src/{PACKAGE}"]
    packed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
        return Survey(read(Path(folder) / "src"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--compare", metavar="REF", help="those of this commit first")
    parser.add_argument(
        "--list", action="store_true", help="name the circles, doubled names and callbacks"
    )
    parser.add_argument("--source", type=Path, default=ROOT / "src", help="another src folder")
    wanted = parser.parse_args()
    surveys = {wanted.compare: at(wanted.compare)} if wanted.compare else {}
    surveys["now"] = Survey(read(wanted.source))
    if wanted.json:
        found = {name: {r: vars(f) for r, f in s.rooms().items()} for name, s in surveys.items()}
        json.dump(found, sys.stdout, indent=2)
        return
    for name, survey in surveys.items():
        print(f"{name}\n{shown(survey)}\n")
    places = outside(wanted.source.resolve().parent)
    if places:
        print(
            "words outside:", ", ".join(f"{len(found)} in {name}" for name, found in places.items())
        )
    if wanted.list:
        print(*listed(surveys["now"]), *(p for found in places.values() for p in found), sep="\n")


if __name__ == "__main__":
    main()
