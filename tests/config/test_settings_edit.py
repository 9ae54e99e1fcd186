"""paddock.toml changed by program: what its owner wrote stays, and nothing broken is ever written."""

from pathlib import Path

import msgspec
import pytest

from paddock.config.engines import EngineSpec
from paddock.config.settings import load_settings
from paddock.config.settings_edit import add_engine, remove_engine, set_default
from paddock.errors import ConfigError

OWNERS = """\
# mine, and I like it so
listen = "127.0.0.1:9000"   # the other port
engine = "old"

[engines.old]
path = "/opt/llama-server"  # do not touch
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "paddock.toml"
    found.write_text(OWNERS)
    found.chmod(0o640)
    return found


def test_comments_and_order_stay(path: Path):
    add_engine(path, "new", EngineSpec(path="/x/y", flags=("--jinja",), note="n"))
    assert path.read_text().startswith(OWNERS.rstrip())
    assert load_settings(path, {}).engines["new"] == EngineSpec(
        path="/x/y", flags=("--jinja",), note="n"
    )
    assert path.stat().st_mode & 0o777 == 0o640
    set_default(path, "new")
    assert "# the other port" in path.read_text()
    remove_engine(path, "old")
    assert list(load_settings(path, {}).engines) == ["new"]
    set_default(path, None)
    assert load_settings(path, {}).engine is None


@pytest.mark.parametrize(
    "engines",
    [
        'engines.old.path = "/a"\n',
        'engines.old.path = "/a"\nengines.old.env.A = "1"\n',
        'engines.old = {path = "/a"}\n',
        'engines = {old = {path = "/a"}}\n',
    ],
)
@pytest.mark.parametrize("after", ["", 'listen = "127.0.0.1:9000"\nengines.last.path = "/z"\n'])
def test_settings_behind_dotted_keys_stay_at_the_top(tmp_path: Path, engines: str, after: str):
    if engines.startswith("engines ="):
        after = after.partition("\n")[0] + "\n"  # an inline table cannot be added to
    path = tmp_path / "paddock.toml"
    path.write_text(engines + after)
    before = load_settings(path, {})
    new = EngineSpec(path="/b", env={"B": "2"}, flags=("--jinja",))
    add_engine(path, "new", new)
    assert load_settings(path, {}).engines == {**before.engines, "new": new}
    assert load_settings(path, {}).listen == before.listen
    for name in ("new", *before.engines):
        remove_engine(path, name)
    assert load_settings(path, {}) == msgspec.structs.replace(before, engines={})


def test_a_file_is_made_where_there_is_none(tmp_path: Path):
    path = tmp_path / "new" / "paddock.toml"
    add_engine(path, "a", EngineSpec(package="xllamacpp"))
    assert load_settings(path, {}).engines["a"].package == "xllamacpp"
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda path: add_engine(path, "old", EngineSpec(path="/x")), "an engine 'old' already"),
        (
            lambda path: add_engine(path, "new", EngineSpec()),
            "needs one of path, image and package",
        ),
        (
            lambda path: add_engine(path, "a b", EngineSpec(path="/x")),
            "not a valid name for an engine",
        ),
        (lambda path: remove_engine(path, "new"), "has no engine 'new'"),
        (lambda path: remove_engine(path, "old"), "'old' is the default engine"),
    ],
)
def test_what_would_not_be_understood_is_not_written(path: Path, change, complaint: str):
    with pytest.raises(ConfigError, match=complaint):
        change(path)
    assert path.read_text() == OWNERS
    assert [entry.name for entry in path.parent.iterdir()] == ["paddock.toml"]


def test_what_is_broken_already_is_left_to_its_owner(path: Path):
    path.write_text("lissten = 3\n")
    with pytest.raises(ConfigError, match="unknown setting 'lissten'"):
        set_default(path, "new")
    assert path.read_text() == "lissten = 3\n"


def test_a_link_is_followed_and_stays_one(path: Path, tmp_path: Path):
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    set_default(link, "old2")
    assert link.is_symlink()
    assert 'engine = "old2"' in path.read_text()
