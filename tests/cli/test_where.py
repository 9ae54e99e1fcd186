"""Where a verb looks for the daemon when nobody says where."""

import os
from pathlib import Path

import pytest

from paddock.cli.offline.where import url_of, usual_url
from tests.cli.conftest import Paddock


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::]:9000", "http://[::1]:9000"),
        ("box.local:80", "http://box.local:80"),
    ],
)
def test_an_address_to_listen_at_is_one_to_be_reached_at(listen: str, url: str):
    assert url_of(listen) == url


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (None, "http://127.0.0.1:8080"),
        ('listen = "127.0.0.1:2"', "http://127.0.0.1:2"),
        ("listen = 7", "http://127.0.0.1:8080"),  # broken; whoever starts the daemon reads why
    ],
)
def test_it_is_where_the_users_own_paddock_toml_has_it_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str | None, address: str
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if settings:
        (tmp_path / "paddock").mkdir()
        (tmp_path / "paddock" / "paddock.toml").write_text(settings)
    assert usual_url(os.environ) == address


def test_verbs_look_there_unless_they_are_reported(
    paddock: Paddock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / ".config" / "paddock" / "paddock.toml"
    file.parent.mkdir(parents=True)
    file.write_text('listen = "127.0.0.1:2"')
    assert "no daemon answers at http://127.0.0.1:1" in paddock("status").err
    monkeypatch.delenv("PADDOCK_URL")
    assert "no daemon answers at http://127.0.0.1:2" in paddock("status").err
    url = "http://127.0.0.1:3"
    assert f"no daemon answers at {url}" in paddock("status", "--url", url).err
