"""The file of named keys: what is kept of a secret, what is refused, and who may read it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from paddock.config.keys import NamedKey, add_key, digest_of, new_secret, read_keys, remove_key
from paddock.errors import BadRequest, ConfigError, NoSuchThing

DIGEST = digest_of("s3cret")


def key(name: str = "anna", **more: object) -> NamedKey:
    return NamedKey(**{"name": name, "digest": DIGEST, **more})  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys.json"


def test_what_was_added_is_read_again_and_can_be_removed(file):
    full = key(models=("a", "b"), concurrency=2, tokens_per_day=9, added="2026-11-30T00:00:00Z")
    add_key(file, full)
    add_key(file, key("root", scope="manage"))
    assert read_keys(file) == (full, key("root", scope="manage"))
    assert remove_key(file, "anna") == (key("root", scope="manage"),)
    with pytest.raises(NoSuchThing) as found:
        remove_key(file, "anna")
    assert found.value.hint == "there are: root"


def test_a_secret_is_nowhere_in_it_and_nobody_else_reads_it(file):
    secret = new_secret()
    add_key(file, key(digest=digest_of(secret)))
    for written in file.parent.iterdir():
        assert secret.encode() not in written.read_bytes()
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert len(secret) > 43
    assert secret != new_secret()


@pytest.mark.parametrize(
    "wrong",
    [
        key(""),
        key("-a"),
        key("a b"),
        key("ä"),
        key("a" * 65),
        key("a\n"),
        key("api-keys"),
        key("management-keys"),
        key("none"),
        key(digest="s3cret"),
        key(digest=DIGEST.upper()),
        key(concurrency=-1),
        key(tokens_per_day=-1),
        key(scope="manage", models=("a",)),
    ],
)
def test_what_cannot_be_a_key_is_neither_added_nor_believed(file, wrong):
    with pytest.raises(BadRequest):
        add_key(file, wrong)
    add_key(file, key("other"))
    file.write_bytes(file.read_bytes().replace(b"[", b"[" + _json(wrong) + b",", 1))
    with pytest.raises(ConfigError):
        read_keys(file)


def _json(one: NamedKey) -> bytes:
    return msgspec.json.encode(one)


def test_a_name_has_one_key(file):
    add_key(file, key())
    with pytest.raises(BadRequest, match="already"):
        add_key(file, key(digest=digest_of("another")))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 2}', b"\xff", b'{"keys": 1}'])
def test_a_damaged_file_is_no_empty_one(file, content):
    """Else everything would be open."""
    add_key(file, key())
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        read_keys(file)


def test_a_file_that_another_user_may_have_written_is_not_believed(file):
    add_key(file, key())
    file.chmod(0o606)
    with pytest.raises(ConfigError, match="another user"):
        read_keys(file)


def test_two_that_add_at_once_lose_nothing(file):
    names = [f"k{n}" for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: add_key(file, key(name)), names))
    assert sorted(one.name for one in read_keys(file)) == sorted(names)
