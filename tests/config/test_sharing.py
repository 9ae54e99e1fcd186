"""A file that is read again: what is the same in it takes no memory a second time."""

from pathlib import Path

from paddock.config.models_conf import load
from paddock.config.profile import Stable
from tests.config.stables import flags_of_the_build

CONF = """[*]
threads = {threads}
flash-attn = on

[one]
model = /m/one.gguf
description = Some words
ctx-size = 1024

[two]
model = /m/two.gguf
temp = {temp}
"""


def read(tmp_path: Path, before: Stable | None = None, *, threads: int = 1, temp: float = 0.7):
    path = tmp_path / "models.conf"
    path.write_text(CONF.format(threads=threads, temp=temp))
    known = before.profiles if before else {}
    return load(path, flags_for=flags_of_the_build, before=known)


def test_profiles_share_the_flags_of_all(tmp_path: Path):
    profiles = read(tmp_path).profiles
    assert profiles["one"].flag("--threads") is profiles["two"].flag("--threads")


def test_what_was_not_changed_is_what_was_there(tmp_path: Path):
    before = read(tmp_path)
    again = read(tmp_path, before, temp=0.8).profiles
    assert again["one"] is before.profiles["one"]
    assert again["two"] == read(tmp_path, temp=0.8).profiles["two"]
    assert again["two"].flag("--model") is before.profiles["two"].flag("--model")


def test_of_a_changed_profile_only_what_is_new_is_new(tmp_path: Path):
    before = read(tmp_path)
    again = read(tmp_path, before, threads=2).profiles
    assert again == read(tmp_path, threads=2).profiles
    one, old = again["one"], before.profiles["one"]
    assert one.description is old.description
    assert one.flag("--ctx-size") is old.flag("--ctx-size")
    assert one.flag("--threads") is again["two"].flag("--threads")
    assert one.flag("--threads") != old.flag("--threads")
