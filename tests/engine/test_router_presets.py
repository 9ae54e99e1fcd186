"""The presets of the corpus, beside llama.cpp's own router: what is said to be the same is the same."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from paddock.config.command_line import Option, read_tail
from paddock.config.profile import Profile
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.errors import EngineError
from paddock.llama.flag_values import to_argv
from paddock.llama.flags import FlagSet
from tests.config.cases import AS_THE_ROUTER, Case
from tests.engine.server import UnixConnection

# What each of them gives to its instances by itself.
OURS = {"--host", "--port", "--alias", "--log-colors", "--tags"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A native one: the embedded engine has no router."""
    try:
        return find_engine("native", cache_dir=tmp_path_factory.mktemp("cache"))
    except EngineError as error:
        pytest.skip(str(error))


@contextmanager
def router(engine: Engine, preset: Path, models: Path) -> Iterator[dict[str, list[str]] | str]:
    """The command line of each model, by its name; what it said where it does not start."""
    socket = preset.with_name("r.sock")
    words = ["--models-preset", str(preset), "--models-dir", str(models), "--host", str(socket)]
    env = {k: v for k, v in os.environ.items() if not k.startswith("LLAMA_")}
    env |= {"HF_HUB_CACHE": str(preset.with_name("none"))}
    with subprocess.Popen(
        [*engine.command, *words],
        env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield listed(process, socket)
        finally:
            process.terminate()
            assert process.stderr is not None
            for _ in process.stderr:  # so that it can end
                pass


def listed(process: "subprocess.Popen[str]", socket: Path) -> dict[str, list[str]] | str:
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if "listening on" in line:
            with closing(UnixConnection(socket)) as connection:
                connection.request("GET", "/models")
                options = json.loads(connection.getresponse().read())
            return {one["id"]: one["status"]["args"][1:] for one in options["data"]}
    return "".join(said)


def theirs(words: Sequence[str], flags: FlagSet) -> set[tuple[str, ...]]:
    """In the spelling that we have: `--flash-attn true` is `on`."""
    options = [one for one in read_tail_of(words, flags) if one.spec.name not in OURS]
    return {
        to_argv(one.spec, one.words[1]) if one.spec.arity == 1 else one.words for one in options
    }


def read_tail_of(words: Sequence[str], flags: FlagSet) -> list[Option]:
    from shlex import join

    allowed = [word for pair in _pairs(words, flags) for word in pair if pair[0] not in OURS]
    return [one for one in read_tail(join(allowed), flags) if isinstance(one, Option)]


def _pairs(words: Sequence[str], flags: FlagSet) -> Iterator[tuple[str, ...]]:
    from paddock.config.command_line import groups

    for group in groups(words, flags):
        found = flags.find(group[0])
        assert found is not None, group
        yield (found[0].name if found[0].name in OURS else group[0], *group[1:])


def ours(profile: Profile) -> set[tuple[str, ...]]:
    return {flag.argv for flag in profile.flags}


@pytest.mark.parametrize("name", AS_THE_ROUTER)
def test_both_start_the_same_command_lines(engine: Engine, tmp_path: Path, name: str) -> None:
    case = Case(name, tmp_path)
    case.lay_out()
    profiles, _ = case.profiles(engine.flags)
    with router(engine, case.preset, case.models) as found:
        assert isinstance(found, dict), found
        for id_, profile in profiles.items():
            placed = {tuple(_here(word, case) for word in words) for words in theirs(found[id_], engine.flags)}  # fmt: skip
            assert placed == ours(profile), id_


def _here(word: str, case: Case) -> str:
    """The router starts a path from its working folder, so presets of the corpus name bare files."""
    inside = case.models / word
    return str(inside) if "/" not in word and inside.is_file() else word


# What docs/configuration.md says of the differences, row by row.
DIFFERENT = {
    "a flag that this build lacks": "[a]\nmodel = a.gguf\nmlock = off\n",
    "upper case": "[a]\nmodel = a.gguf\nCTX-SIZE = 5\n",
    "a key of ours": "[a]\nmodel = a.gguf\nttl = 5\n",
    "two values": "[a]\nmodel = a.gguf\ncontrol-vector-layer-range = 1 2\n",
    "a byte order mark": "\ufeff[a]\nmodel = a.gguf\n",
}


@pytest.mark.parametrize("text", DIFFERENT.values(), ids=DIFFERENT)
def test_the_router_refuses_the_whole_file(engine: Engine, tmp_path: Path, text: str) -> None:
    case = Case("readme", tmp_path)
    case.lay_out()
    case.preset.write_text(text)
    with router(engine, case.preset, case.models) as found:
        assert isinstance(found, str)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("[a]\njinja = no\n", "a", ["--jinja"]),
        ("[a]\nmetrics = maybe\n", "a", ["--metrics"]),
        ("[a]\nLLAMA_ARG_NO_JINJA = true\n", "a", ["--jinja"]),
        ("[a]\nc =\n", "a", ["--ctx-size", ""]),
        ("[a]\ngrammar = 'x;y'\n", "a", ["--grammar", "'x"]),
        ("[a]\nc = 1\nctx-size = 2\n", "a", ["--ctx-size", "2"]),
        ("[a]\nc = 1\n[a]\nn = 2\n", "a", ["--n-predict", "2"]),
        ("c = 5\n[a]\n", "default", ["--ctx-size", "5"]),
        ("[nobody]\nc = 5\n", "nobody", ["--ctx-size", "5"]),
        ("[user/repo]\nc = 5\n", "user/repo", ["--ctx-size", "5"]),
        ("[user/repo:q8_0]\nc = 5\n", "user/repo:Q8_0", ["--ctx-size", "5"]),
        ("[ a ]\nc = 5\n", "a ", ["--ctx-size", "5"]),
        ("[a]\nmodel = ~/x.gguf\n", "a", ["--model", "~/x.gguf"]),
        ("[b]\nc = 5\nmodel = /x.gguf\n", "qwen3-8b", ["--model"]),
    ],
)
def test_where_the_router_differs_it_does_as_the_manual_says(
    engine: Engine, tmp_path: Path, text: str, name: str, words: list[str]
) -> None:
    case = Case("readme", tmp_path)
    case.lay_out()
    case.preset.write_text(text)
    with router(engine, case.preset, case.models) as found:
        assert isinstance(found, dict), found
        places = [i for i, word in enumerate(found[name]) if word == words[0]]
        assert len(places) == 1
        assert found[name][places[0] : places[0] + len(words)] == words
