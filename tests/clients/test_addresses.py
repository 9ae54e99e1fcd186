"""Whoever does as we say is let in: every address that advice, files and documents name."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from multidict import CIMultiDict, CIMultiDictProxy

from paddock.clients.known import CLIENTS
from paddock.clients.setting import ClientFolders, ClientSettings, Edit
from paddock.config.settings import Settings
from paddock.daemon.keyring import Keyring
from paddock.errors import Forbidden
from paddock.http.auth import Guard, Scope
from tests.clients.offers import OFFER

ROOT = Path(__file__).parents[2]
# A host before a port of ours, and the names by which containers reach their host, ported or not.
_UNSET = Settings()
NAMED = re.compile(r"([\w.-]+|\[[\da-f:]+\]):(?:8080|11434)\b|\b([\w.-]+\.internal)\b")


def _said(setting: ClientSettings) -> Iterator[str]:
    yield from setting.env.values()
    yield from (*setting.args, *setting.usage, *setting.notes)
    for file in setting.files:
        yield file.text
    for edit in setting.edits:
        yield _written(edit)


def _written(edit: Edit) -> str:
    return edit.change("")


def _hosts(text: str) -> set[str]:
    return {host for found in NAMED.findall(text) for host in found if host}


def _is_let_in(host: str, settings: Settings = _UNSET) -> bool:
    headers = CIMultiDictProxy(CIMultiDict({"Host": f"{host}:8080"}))
    try:
        Guard(settings, Keyring(Settings(), Path("none"))).check(
            "GET", headers, Scope.OPEN, acts=False
        )
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("name", CLIENTS)
def test_an_address_that_a_client_is_given_is_let_in(name: str, tmp_path: Path):
    client = CLIENTS[name]
    folders = ClientFolders(tmp_path, tmp_path, tmp_path)
    settings = [client.connect(OFFER, folders)]
    settings += [client.run(OFFER, tmp_path)] if client.run else []
    hosts = {host for setting in settings for said in _said(setting) for host in _hosts(said)}
    assert hosts
    assert [host for host in hosts if not _is_let_in(host)] == []


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*compose.yml")]


def _of_kubernetes() -> Settings:
    """What the front's settings in the manifests let in besides."""
    manifests = yaml.safe_load_all((ROOT / "examples/kubernetes.yaml").read_text())
    texts = [one.get("data") or one.get("stringData") or {} for one in manifests]
    files = [text["paddock.toml"] for text in texts if "paddock.toml" in text]
    hosts = [tomllib.loads(file).get("allowed-hosts", []) for file in files]
    return Settings(allowed_hosts=tuple(name for names in hosts for name in names))


WITH_SETTINGS = {"kubernetes.md": _of_kubernetes}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_an_address_in_a_document_is_let_in(page: Path):
    hosts = _hosts(page.read_text())
    settings = WITH_SETTINGS.get(page.name, Settings)()
    assert [host for host in hosts if not _is_let_in(host, settings)] == []


def test_another_name_is_not():
    assert not _is_let_in("paddock.example")
    assert _hosts("http://host.docker.internal:8080/v1") == {"host.docker.internal"}
