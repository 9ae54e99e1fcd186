"""Engines that tell nothing, and files that an engine cannot load."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.api.placement import Plan
from paddock.config.profile import Profile
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.errors import EngineError
from paddock.llama.flags import FlagSet
from paddock.llama.scripted import ScriptedModel, write
from paddock.placement import rehearsal
from paddock.placement.planner import Planner
from tests.broken import BREAKERS, Breaker, absent, context_as_float, without_tokenizer
from tests.placement.ground import around, profile, written
from tests.placement.planned import own_engine


def why(own: Profile, engine: Engine) -> str:
    """What is said where there is no plan of the engine's."""
    found = Planner().plan(own, engine, None, around())
    assert (found.source, found.fits, found.refusal) == ("estimate", True, "")
    assert (found.engine, found.engine_version) == (engine.name, engine.version)
    return found.notes[0].removeprefix("an estimate: ")


def asked(own: Profile, engine: Engine) -> str:
    """The same, where an engine was asked: it is named."""
    found, named = why(own, engine), f"{engine.name} {engine.version}: "
    assert found.startswith(named)
    return found.removeprefix(named)


def test_an_engine_that_ends_without_a_word_gives_an_estimate(tmp_path: Path, shapes: Path):
    engine = own_engine(tmp_path, "exit 3")
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    assert asked(own, engine) == "it ended before it had fitted its parameters to free memory"


def test_an_engine_that_complains_is_cited(tmp_path: Path, shapes: Path):
    said = "0.1 E ggml_cuda_init: CUDA error: no kernel image is available"
    engine = own_engine(tmp_path, f"echo '{said}' >&2; exit 1")
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    assert asked(own, engine) == "CUDA error: no kernel image is available"


def test_an_engine_that_hangs_is_given_up(
    tmp_path: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rehearsal, "_LIMIT", 0.3)
    engine = own_engine(tmp_path, "sleep 600")
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    assert asked(own, engine) == "it was not done after 0.3 s"


def test_an_engine_that_is_gone_gives_an_estimate(tmp_path: Path, shapes: Path, engine: Engine):
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    gone = replace(engine, command=("/nowhere/llama-server",))
    assert asked(own, gone) == "/nowhere/llama-server cannot be started: No such file or directory"


def test_what_an_old_engine_cannot_tell_is_not_asked(tmp_path: Path, shapes: Path, engine: Engine):
    flags = FlagSet.of(spec for spec in engine.flags.specs if spec.name != "--fit")
    old = replace(engine, flags=flags, name="old", version="b5000", command=("/bin/false",))
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, old)
    assert why(own, old) == "old b5000 has no --fit"


def test_without_a_model_no_engine_is_asked(tmp_path: Path, engine: Engine):
    never = replace(engine, command=("/bin/false",))
    assert why(written(), never) == "its model is not here yet: it is fetched before the first load"
    assert why(written(model=tmp_path / "m.gguf"), never) == f"there is no {tmp_path}/m.gguf"


def test_an_engine_is_asked_in_its_own_environment(tmp_path: Path, shapes: Path):
    engine = own_engine(tmp_path, '[ "$NEEDED" = yes ] || exit 3')
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    assert "before it had fitted" in asked(own, engine)
    equipped = replace(engine, env=(("NEEDED", "yes"),))
    assert Planner().plan(own, equipped, None, around()).source == "engine"


# ---- files that it cannot load ----


def broken(breaks: Breaker, folder: Path, engine: Engine, flags: str = "") -> Plan:
    breaks(folder / "bad.gguf")
    own = profile(f"model = {folder}/bad.gguf\n{flags}", folder, engine)
    return Planner().plan(own, engine, None, around())


@pytest.mark.parametrize(
    "breaks", [b for b in BREAKERS if b is not absent], ids=lambda b: b.__name__
)
@pytest.mark.parametrize("flags", ["", "fit = off\n"])
def test_an_engine_that_cannot_load_the_file_is_cited(
    tmp_path: Path, engine: Engine, breaks: Breaker, flags: str
):
    found = broken(breaks, tmp_path, engine, flags)
    assert found.refusal.startswith(f"{engine.name} {engine.version} says: ")
    assert re.search("|".join((BREAKERS[breaks], "is not within the file bounds")), found.refusal)
    assert (found.source, found.fits) == ("estimate", False)


def test_the_embedded_engine_cites_llama_cpp_too(tmp_path: Path):
    try:
        embedded = find_engine("embedded", cache_dir=tmp_path)
    except EngineError as error:
        pytest.skip(str(error))
    found = broken(without_tokenizer, tmp_path, embedded)
    assert "key not found in model: tokenizer.ggml.model" in found.refusal
    assert "check the input params" not in found.notes[0]


def test_what_the_flags_make_good_is_no_fault_of_the_file(tmp_path: Path, engine: Engine):
    """`--override-kv` gives the value that the file stores as another type: llama-server loads it."""
    override = "override-kv = llama.context_length=int:4096\n"
    assert "wrong type" in broken(context_as_float, tmp_path, engine).refusal
    found = broken(context_as_float, tmp_path, engine, override)
    assert (found.refusal, found.source, found.fits) == ("", "engine", True)


def test_fits_word_alone_is_not_enough(tmp_path: Path, engine: Engine):
    """The measuring fails, but the server goes on to load: nothing is known against the file."""
    model = write(tmp_path / "m.gguf", ScriptedModel(say="Hi."))
    said = (
        "0.1 E llama_model_load: error loading model: a thing that only measuring cannot do\n"
        "0.2 I common_fit_params: fitting params to free memory took 0.00 seconds"
    )
    body = f"printf '{said}\\n' >&2; shift $#; set -- --model {model} --fit off -lv 5 --port 0"
    own_one = own_engine(tmp_path, body)
    found = Planner().plan(
        profile(f"model = {model}\n", tmp_path, own_one), own_one, None, around()
    )
    assert found.refusal == ""
