"""Engines by the names that paddock.toml gives them, around the real embedded one and a script."""

from pathlib import Path

import pytest

from paddock.config.engines import EngineSpec
from paddock.engine.engines import Engines
from paddock.errors import EngineError


def script(path: Path) -> Path:
    """A llama-server whose version contains an environment variable."""
    path.write_text(
        "#!/bin/sh\n"
        'case "$1" in --version) echo "version: 7 (${FLAVOUR:-plain})" >&2;; '
        '--help) echo "-m, --model FNAME   model path";; esac\n'
    )
    path.chmod(0o755)
    return path


def engines(tmp_path: Path, default: str | None = None, **named: EngineSpec) -> Engines:
    return Engines(named, default, tmp_path / "cache", {"PATH": "/nonexistent"})


def test_a_named_one_comes_under_its_name_with_its_environment(tmp_path: Path):
    path = script(tmp_path / "llama-server")
    spec = EngineSpec(path=str(path), env={"FLAVOUR": "mint"}, flags=("--threads", "2"))
    found = engines(tmp_path, mine=spec)
    engine = found.find("mine")
    assert (engine.name, engine.command, engine.version) == ("mine", (str(path),), "7 (mint)")
    assert engine.env == (("FLAVOUR", "mint"),)
    assert found.defaults("mine") == ("--threads", "2")
    assert found.defaults(None) == ()


def test_the_default_is_one_of_them(tmp_path: Path):
    path = script(tmp_path / "llama-server")
    found = engines(tmp_path, "mine", mine=EngineSpec(path=str(path), flags=("--jinja",)))
    assert found.find().name == "mine"
    assert found.flags(None) is not None
    assert found.defaults(None) == ("--jinja",)


def test_the_same_binary_in_another_environment_is_another_build(tmp_path: Path):
    path = str(script(tmp_path / "llama-server"))
    found = engines(tmp_path, a=EngineSpec(path=path), b=EngineSpec(path=path, env={"X": "1"}))
    marks = {found.find(name).build_mark for name in ("a", "b", path)}
    assert len(marks) == 2, "a and the bare path are the same"


def test_an_unknown_name_is_reported_with_the_nearest(tmp_path: Path):
    found = engines(tmp_path, cuda13=EngineSpec(path="/x"))
    with pytest.raises(EngineError, match="there is no engine 'cuda12'") as raised:
        found.find("cuda12")
    assert raised.value.hint.startswith("did you mean 'cuda13'?")
    with pytest.raises(EngineError):
        found.flags("cuda12")


def test_where_nothing_is_installed_flags_are_unknown_unless_asked_for_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("paddock.engine.locate.find_spec", lambda name: None)
    assert engines(tmp_path).flags(None) is None
    with pytest.raises(EngineError):
        engines(tmp_path).flags("native")
