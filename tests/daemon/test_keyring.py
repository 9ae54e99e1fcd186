"""Who may ask, and how much: by a calendar that the test sets."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest

from paddock.api.activity import Totals
from paddock.api.types import ConfigInfo, Status
from paddock.config.keys import NamedKey, add_key, digest_of, remove_key
from paddock.config.profile import NamedModel, Profile
from paddock.config.settings import Settings
from paddock.daemon.activity.metrics import Metrics
from paddock.daemon.clock import Day
from paddock.daemon.keyring import Holder, Keyring
from paddock.errors import KeyBusy, TokensSpent

ZONE = timezone(timedelta(hours=2))


class SetDay(Day):
    """Its time is what the test says."""

    _KNOWN_FOR = 0.0
    time = datetime(2026, 11, 30, 23, 0, 0, tzinfo=ZONE)

    def now(self) -> datetime:
        return self.time


class Idle:
    """A daemon in which nothing happens."""

    def status(self) -> Status:
        return Status(
            version="", pid=1, started_at="", current=None, instances=[], queue={}, devices=[],
            config=ConfigInfo(path="", loaded_at=""),
        )  # fmt: skip


def named(name: str, **more: object) -> NamedKey:
    return NamedKey(**{"name": name, "digest": digest_of(name + "-secret"), **more})  # type: ignore[arg-type]


def digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def ring(*keys: NamedKey, day: Day | None = None, **settings: object) -> Keyring:
    found = Keyring(Settings(**settings), Path("none"), day=day or SetDay())  # type: ignore[arg-type]
    found.take(keys)
    return found


def profile(name: str, *aliases: str) -> Profile:
    return Profile(id=name, line=1, model=Path("/m.gguf"), flags=(), aliases=aliases)


@pytest.mark.parametrize(
    ("secret", "name", "manages"),
    [
        ("anna-secret", "anna", False),
        ("root-secret", "root", True),
        ("infer", "api-keys", False),
        ("manage", "management-keys", True),
        ("both", "management-keys", True),
        ("anna", None, None),
        ("", None, None),
    ],
)
def test_a_key_is_found_by_its_digest_alone(secret, name, manages):
    keys = ring(
        named("anna"),
        named("root", scope="manage"),
        api_keys=("infer", "both"),
        management_keys=("manage", "both"),
    )
    for _ in range(2):  # the second time it has been met
        found = keys.find(digest(secret))
        assert (found and found.name, found and found.manages) == (name, manages)


def test_only_a_nodes_key_speaks_for_others():
    keys = ring(named("front", scope="node"), named("root", scope="manage"), named("anna"))
    found = {name: keys.find(digest(f"{name}-secret")) for name in ("front", "root", "anna")}
    speaks = {name: holder and holder.speaks_for_others for name, holder in found.items()}
    assert speaks == {"front": True, "root": False, "anna": False}
    assert {name for name, holder in found.items() if holder and holder.manages} == {
        "front",
        "root",
    }


def test_what_was_presented_and_is_none_is_not_remembered():
    keys = ring(named("anna"))
    for guess in range(1000):
        assert keys.find(digest(str(guess))) is None
    keys.find(digest("anna-secret"))
    assert len(keys._met) == 1


@pytest.mark.parametrize(
    ("listen", "insecure", "keys", "needed"),
    [
        ("127.0.0.1:0", False, (), False),
        ("127.0.0.1:0", False, (named("a"),), True),
        ("0.0.0.0:0", False, (), True),
        ("0.0.0.0:0", True, (), False),
        ("0.0.0.0:0", True, (named("a"),), True),
    ],
)
def test_without_a_key_left_nobody_comes_in_from_elsewhere(listen, insecure, keys, needed):
    """The daemon began with keys, and the last was removed while it ran."""
    found = ring(named("first"), listen=listen, insecure=insecure)
    found.take(keys)
    assert found.is_needed is needed


def test_a_removed_key_is_unknown_at_once_and_one_that_stays_keeps_its_count():
    keys = ring(named("anna"), named("bob", concurrency=1))
    anna, bob = keys.find(digest("anna-secret")), keys.find(digest("bob-secret"))
    assert anna
    assert bob
    bob.admit()
    bob.spend(5)
    keys.take([named("bob", concurrency=2, tokens_per_day=6)])
    assert keys.find(digest("anna-secret")) is None
    assert anna.is_gone
    assert keys.find(digest("bob-secret")) is bob
    assert (bob.active, bob.spent) == (1, 5)
    bob.admit()
    with pytest.raises(KeyBusy):
        bob.admit()


def test_one_removed_and_added_anew_has_no_other_day():
    keys = ring(named("anna", tokens_per_day=10))
    found = keys.find(digest("anna-secret"))
    assert found
    found.spend(10)
    keys.take([])
    keys.take([named("anna", tokens_per_day=10)])
    again = keys.find(digest("anna-secret"))
    assert again
    with pytest.raises(TokensSpent):
        again.admit()


def test_what_was_used_before_the_daemon_began_counts():
    keys = ring(named("anna", tokens_per_day=10))
    keys.recall({"anna": 10, "bob": 3})
    found = keys.find(digest("anna-secret"))
    assert found
    with pytest.raises(TokensSpent):
        found.admit()


@pytest.mark.parametrize("days", [1, 2, 30])
@pytest.mark.parametrize("where", ["here", "before the daemon began"])
def test_one_added_anew_on_another_day_has_that_days_tokens(days, where):
    day, anna = SetDay(), named("anna", tokens_per_day=10)
    keys = ring(day=day)
    if where == "here":
        keys.take([anna])
        found = keys.find(digest("anna-secret"))
        assert found
        found.spend(10)
        keys.take([])
    else:
        keys.recall({"anna": 10})
    day.time += timedelta(days=days)
    keys.take([anna])
    again = keys.find(digest("anna-secret"))
    assert again
    again.admit()
    again.spend(10)
    with pytest.raises(TokensSpent):
        again.admit()


def test_one_removed_and_added_while_it_is_answered_counts_what_it_uses_then():
    keys, anna = ring(named("anna", tokens_per_day=10)), named("anna", tokens_per_day=10)
    gone = keys.find(digest("anna-secret"))
    assert gone
    keys.take([])
    gone.spend(10)  # its last request, which is finished
    keys.take([anna])
    again = keys.find(digest("anna-secret"))
    assert again
    with pytest.raises(TokensSpent):
        again.admit()


def test_tokens_of_a_day_come_back_at_midnight_and_until_then_it_is_said_how_long():
    day = SetDay()
    holder = Holder(named("anna", tokens_per_day=100), day)
    holder.admit()
    holder.spend(99)
    holder.admit()
    holder.spend(50)  # the one that goes over it is answered
    with pytest.raises(TokensSpent) as refused:
        holder.admit()
    assert refused.value.passes_in == 3600
    day.time += timedelta(minutes=59, seconds=59.5)
    with pytest.raises(TokensSpent) as refused:
        holder.admit()
    assert refused.value.passes_in == 1
    day.time += timedelta(seconds=1)
    holder.admit()
    assert holder.active == 3


def test_so_many_at_a_time_and_no_more():
    holder = Holder(named("anna", concurrency=2), SetDay())
    holder.admit()
    holder.admit()
    with pytest.raises(KeyBusy):
        holder.admit()
    holder.leave()
    holder.admit()


@pytest.mark.parametrize(
    ("models", "may"), [((), True), (("a",), True), (("b", "alias"), True), (("A", "b"), False)]
)
def test_a_model_is_named_by_its_id_or_an_alias(models, may):
    holder = Holder(named("anna", models=models), Day())
    assert holder.may_ask(NamedModel(profile("a", "alias"))) is may


async def test_a_change_of_the_file_is_taken_over_and_a_fault_in_it_changes_nothing(tmp_path):
    file = tmp_path / "s" / "keys.json"
    metrics = Metrics(Idle(), Totals())
    metrics.used("anna", prompt=1, generated=1, seconds=0.1)
    metrics.used("bob", prompt=1, generated=1, seconds=0.1)
    add_key(file, named("anna"))
    keys = Keyring(Settings(), file, metrics)
    keys.read()
    watching = asyncio.create_task(keys.run())
    await asyncio.sleep(0.05)
    try:
        add_key(file, named("bob"))
        await _until(lambda: keys.names == {"anna", "bob"})
        whole = file.read_bytes()
        file.write_bytes(b"{")
        await asyncio.sleep(0.3)
        assert keys.names == {"anna", "bob"}
        file.write_bytes(whole)
        remove_key(file, "anna")
        await _until(lambda: keys.names == {"bob"})
        assert b"bob" in metrics.render()
        assert b"anna" not in metrics.render()
    finally:
        watching.cancel()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.02)
