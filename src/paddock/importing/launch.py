"""How a command line starts a llama-server: prefixes, container, flags. Pure, but that it reads scripts.

`nice -n 5 env A=1 /opt/llama-server -m x` is a program, an environment, flags, and a prefix that Paddock
will not start. A called script is parsed as the shell would parse it.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from paddock.config.model_files import at_home
from paddock.importing.container_run import PROGRAMS, container_run
from paddock.importing.mounts import Mounts
from paddock.importing.prefixes import PREFIXES, Prefix
from paddock.importing.shell import Call, Shell
from paddock.importing.shell_words import Remark
from paddock.plain_file import read_plain

ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_SERVER = re.compile(r".*llama[-_.]?(?:cpp[-_])?server.*", re.IGNORECASE)
_ABOUT = re.compile(r"build|install|setup|download|update|stop|kill|check|test|log", re.IGNORECASE)
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ash", "ksh"})
_TMUX_VERBS = frozenset(
    {"new-session", "new", "new-window", "neww", "respawn-pane", "split-window"}
)
_TMUX_VALUED = "snctxyeF"
_MODEL = frozenset({"-m", "--model", "-hf", "-hfr", "--hf-repo", "-mu", "--model-url", "-dr"})
_ROUTER = frozenset({"--models-preset", "--models-dir"})
_DEPTH = 8  # shells within shells
_LONGEST = 1 << 20  # bytes of a script that is worth reading
_EMPTY = "starts a shell, and no llama-server is seen in it"
_SCRIPT = (
    "Paddock starts llama-server itself, without it; a script that ends with "
    '`exec … llama-server "$@"` can be an engine\'s `path`'
)


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a llama-server."""

    words: tuple[str, ...]  # its flags
    remarks: tuple[Remark, ...] = ()  # comments, by their places among the flags
    program: str = ""  # a name or a path; "" in a container
    image: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")  # where relative paths start
    mounts: Mounts = field(default_factory=Mounts)
    memory: int | None = None  # MiB, of a container
    left: tuple[tuple[str, str], ...] = ()  # words around it that are not carried over, and why
    unknown: tuple[str, ...] = ()  # parts of its words that are known only when it runs
    branched: tuple[str, ...] = ()  # variables in its words that a branch of a script has set
    about: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # comments by variable


@dataclass(frozen=True, slots=True)
class Other:
    """A command that starts no llama-server with a model."""

    words: str
    why: str
    is_server: bool = False


def launches(call: Call, shell: Shell, depth: int = 0) -> Iterator[Launch | Other]:
    """What this command starts; several where it is a script of several. `shell` is where it is called."""
    call, left = _peeled(call)
    if not call.words:
        yield Other("", "has no command")
        return
    program, words = Path(call.words[0]).name, call.words[1:]
    is_server = _is_server(call.words[0])
    script = _script(call.words[0], call.folder) if depth < _DEPTH else None
    if is_server and (script is None or script.suffix != ".sh"):
        yield router(words) or _launch(call, left)
    elif script:
        found = list(_with(call, left, _script_calls(script, words, call, shell, depth)))
        is_known = any(isinstance(one, Launch) for one in found)
        yield from found if is_known or not is_server else [_launch(call, left)]
    elif program in PROGRAMS:
        yield _contained(call, left)
    elif program in _SHELLS and depth < _DEPTH:
        yield from _with(call, left, _shell(call, shell, depth))
    elif program == "tmux" and depth < _DEPTH:
        yield from _with(call, left, _tmux(call, shell, depth))
    elif program.startswith("-"):
        yield Other(shlex.join(call.words), "belongs to no command: the one before it has ended")
    else:
        yield Other(shlex.join(call.words), f"runs {program}, and Paddock runs llama-server only")


def router(words: Sequence[str]) -> Other | None:
    """llama.cpp's own router, which has no model of its own: its files are Paddock's too."""
    given = dict(pairwise([*words, ""]))
    if _MODEL & given.keys() or not _ROUTER & given.keys():
        return None
    why = "starts llama.cpp's router"
    if preset := given.get("--models-preset"):
        why += f": Paddock reads its presets as they are: `paddock check {preset}`"
    elif folder := given.get("--models-dir"):
        why += f": `paddock init {folder}` finds its models"
    return Other(shlex.join(words), why, is_server=True)


def _is_server(word: str) -> bool:
    """`llama-server` with whatever people add to the name; `server` as llama.cpp called it before."""
    path, name = word.replace("\\", "/"), re.split(r"[/\\]", word)[-1]
    is_named = _SERVER.fullmatch(name) is not None and not _ABOUT.search(name)
    return is_named or (name == "server" and "llama" in path)


def _launch(call: Call, left: tuple[tuple[str, str], ...]) -> Launch:
    return Launch(
        words=call.words[1:],
        remarks=_shifted(call.remarks, 1),
        program=call.words[0],
        env=call.env,
        folder=call.folder,
        left=left,
        unknown=call.unknown,
        branched=call.branched,
    )


def _shifted(remarks: tuple[Remark, ...], count: int) -> tuple[Remark, ...]:
    return tuple(replace(remark, after=max(remark.after - count, 0)) for remark in remarks)


# ---- what stands before it ----


def _peeled(call: Call) -> tuple[Call, tuple[tuple[str, str], ...]]:
    """The command without its prefixes, and those that are not carried over."""
    words, env, left = list(call.words), dict(call.env), []
    while words:
        if found := ASSIGNMENT.fullmatch(words[0]):
            env[found[1]] = found[2]
            words.pop(0)
        elif prefix := PREFIXES.get(Path(words[0]).name):
            taken = _prefix(words, prefix)
            if prefix.why is not None and len(words) > taken:
                text = shlex.join(words[:taken])
                left.append((text, prefix.why or _SCRIPT))
            del words[:taken]
        else:
            break
    gone = len(call.words) - len(words)
    return replace(call, words=tuple(words), env=env, remarks=_shifted(call.remarks, gone)), tuple(
        left
    )


def _prefix(words: list[str], prefix: Prefix) -> int:
    """How many words it takes, its options and its own words among them."""
    count = 1 + prefix.verbs
    while count < len(words) and words[count].startswith("-") and len(words[count]) > 1:
        word, count = words[count], count + 1
        if word == "--":
            break
        count += "=" not in word and word in prefix.valued
    while prefix.until and count < len(words) and words[count - 1] != prefix.until:
        count += 1
    return min(count + prefix.operands, len(words))


# ---- containers ----


def _contained(call: Call, left: tuple[tuple[str, str], ...]) -> Launch | Other:
    run = container_run(call.words[1:], call.folder)
    text = shlex.join(call.words)
    if run is None:
        return Other(
            text,
            "starts a container that is described elsewhere: `paddock import wrapper` reads compose files",
        )
    if not run.is_llama:
        what = "which is no llama.cpp" if run.is_other else "and no llama-server is seen in that"
        return Other(text, f"runs a container of {run.image}, {what}")
    if found := router(run.flags):
        return found
    lost = "Paddock makes its containers itself: see docs/containers.md"
    before = len(call.words) - len(run.flags)
    return Launch(
        words=tuple(run.flags),
        remarks=_shifted(call.remarks, before),
        image=run.image,
        env=run.env,
        folder=call.folder,
        mounts=run.mounts,
        memory=run.memory,
        left=(*left, *((option, lost) for option in run.lost)),
        unknown=call.unknown,
        branched=call.branched,
    )


# ---- shells and scripts ----


def _shell(call: Call, shell: Shell, depth: int) -> Iterator[Launch | Other]:
    """`bash -c TEXT`, with its switches, or `bash SCRIPT`."""
    rest = list(call.words[1:])
    has_text = False
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        has_text = has_text or (not option.startswith("--") and "c" in option)
    if has_text and rest:
        inner = replace(_inner(call, shell), args=rest[2:])
        yield from _calls(rest[0], inner, depth, reports_rest=True)
    elif rest and (script := _script(rest[0], call.folder)):
        yield from _script_calls(script, tuple(rest[1:]), call, shell, depth)
    else:
        yield Other(shlex.join(call.words), _EMPTY)


def _tmux(call: Call, shell: Shell, depth: int) -> Iterator[Launch | Other]:
    """`tmux new-session -d -s NAME COMMAND`: one word is for a shell, several are the command."""
    rest = list(call.words[1:])
    while rest and rest[0] not in _TMUX_VERBS:
        rest.pop(0)
    while len(rest) > 1 and rest[1].startswith("-"):
        del rest[1 : 2 + (rest[1][-1] in _TMUX_VALUED)]
    text = rest[1] if len(rest) == 2 else shlex.join(rest[1:])
    yield from _calls(text, _inner(call, shell), depth, reports_rest=True)


def _inner(call: Call, shell: Shell) -> Shell:
    exported = {**shell.exported, **call.env}
    return Shell(call.folder, call.folder, (), shell.environ, dict(exported), {}, exported)


def _script(word: str, folder: Path) -> Path | None:
    """A shell's script that is there."""
    path = folder / at_home(word)
    if "/" not in word and path.suffix != ".sh":
        return None
    try:
        if not path.is_file():  # a pipe would be waited for
            return None
        with path.open("rb") as file:
            head = file.read(80)
    except OSError:
        return None
    is_script = head.startswith(b"#!") and b"sh" in head.split(b"\n", 1)[0]
    return path if is_script or path.suffix == ".sh" else None


def _script_calls(
    script: Path, args: tuple[str, ...], call: Call, shell: Shell, depth: int
) -> Iterator[Launch | Other]:
    inner = replace(_inner(call, shell), home=script.absolute().parent, args=args)
    try:
        text = read_plain(script)[:_LONGEST].decode("utf-8", "replace")
    except OSError as error:
        yield Other(str(script), f"cannot be read: {error.strerror}")
        return
    found = _calls(text, inner, depth, reports_rest=False)
    starts = [one for one in found if isinstance(one, Launch)]
    yield from starts
    if not starts:
        yield Other(str(script), "is a script, and no llama-server is seen in it")


def _calls(text: str, shell: Shell, depth: int, *, reports_rest: bool) -> Iterator[Launch | Other]:
    """The starts in a text; with `reports_rest` also the other commands that it runs, as not carried over."""
    left: list[tuple[str, str]] = []
    others: list[Other] = []
    is_found = False
    for call in shell.calls(text):
        found = list(launches(call, shell, depth + 1))
        starts = [one for one in found if isinstance(one, Launch)]
        others += [one for one in found if isinstance(one, Other)]
        if not starts:
            shell.give_back(call)
            left.append((shlex.join(call.words), _beside(call.words)))
        for start in starts:
            is_found = True
            yield replace(start, left=(*(left if reports_rest else _sourced(left)), *start.left))
    if reports_rest and not is_found:
        yield others[-1] if others else Other(text, _EMPTY)


def _beside(words: tuple[str, ...]) -> str:
    if words[0] in ("source", "."):
        return "what it sets is not known: give it to the engine's `env` in paddock.toml"
    return "Paddock runs llama-server alone; a script can be an engine's `path`"


def _sourced(left: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The commands of a script that could change how its server runs."""
    return [one for one in left if one[0].startswith(("source ", ". ", "ulimit "))]


def _with(
    call: Call, left: tuple[tuple[str, str], ...], found: Iterator[Launch | Other]
) -> Iterator[Launch | Other]:
    """What a call starts, with what was lost before it; its comments are the first start's."""
    above = tuple(Remark(one.text, 0) for one in call.remarks)
    for one in found:
        if isinstance(one, Launch):
            yield replace(one, left=(*left, *one.left), remarks=(*above, *one.remarks))
            above = ()
        else:
            yield one
