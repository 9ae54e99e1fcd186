"""Where files lie, by XDG, by request, and when a socket's path would be too long."""

import os
from pathlib import Path

from paddock.config.paths import paths

HOME = {"HOME": "/home/me"}


def test_by_default_everything_lies_in_the_home_folder():
    found = paths(None, None, None, HOME)
    assert found.config == Path("/home/me/.config/paddock/models.conf")
    assert found.settings == Path("/home/me/.config/paddock/paddock.toml")
    assert found.models_dir == Path("/home/me/.config/paddock/models")
    assert found.state_dir == Path("/home/me/.local/state/paddock")
    assert found.runtime_dir == Path("/home/me/.local/state/paddock/run")


def test_the_xdg_folders_count_unless_they_are_relative():
    env = HOME | {
        "XDG_CONFIG_HOME": "/c",
        "XDG_STATE_HOME": "state",
        "XDG_RUNTIME_DIR": "/run/user/7",
    }
    found = paths(None, None, None, env)
    assert found.config == Path("/c/paddock/models.conf")
    assert found.state_dir == Path("/home/me/.local/state/paddock")
    assert found.runtime_dir == Path("/run/user/7/paddock")


def test_a_state_folder_of_ones_own_keeps_its_sockets():
    found = paths(None, None, Path("/s"), HOME | {"XDG_RUNTIME_DIR": "/run/user/7"})
    assert (found.state_dir, found.runtime_dir) == (Path("/s"), Path("/s/run"))


def test_the_config_may_be_a_file_or_its_folder(tmp_path):
    assert paths(tmp_path, None, None, HOME).config == tmp_path / "models.conf"
    found = paths(tmp_path / "my.conf", Path("gguf"), None, HOME)
    assert found.config == tmp_path / "my.conf"
    assert found.settings == tmp_path / "paddock.toml"
    assert found.models_dir == tmp_path / "gguf"


def test_a_folder_too_deep_for_a_socket_is_replaced_by_a_short_one():
    deep = Path("/" + "d" * 81)  # with `/run/` and 20 characters: 107 bytes
    assert paths(None, None, deep, HOME).runtime_dir == deep / "run"
    deeper = Path("/" + "d" * 82)
    short = paths(None, None, deeper, HOME).runtime_dir
    assert short.parent == Path("/tmp")
    assert short.name.startswith(f"paddock-{os.getuid()}-")
    assert short == paths(None, None, deeper, HOME).runtime_dir
    assert short != paths(None, None, Path("/" + "e" * 82), HOME).runtime_dir
