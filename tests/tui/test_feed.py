"""The feed against real daemons: events arrive, losses are shown and made good, and it stops at once."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Event

import msgspec
import pytest

from paddock.api.client import Client
from paddock.api.events import ConfigChanged, InstanceChanged, InstanceEnded, Snapshot, SwitchEnded
from paddock.config.settings import Paths
from paddock.tui.feed import Feed
from paddock.tui.reducer import reduce_news
from paddock.tui.state import LinkChanged, News, View
from tests.api.test_client import Handler, daemon
from tests.tui.tale import activity, with_glm
from tests.tui.world import comparable
from tests.yard import places, process

CONF = "".join(f"[{name}]\nmodel = {name}.gguf\n" for name in ("alpha", "beta", "broken"))
CONF = CONF.replace(
    "broken.gguf", "alpha.gguf\ndevice = nowhere"
)  # known to fail only once it was tried
CONNECTING, LIVE = LinkChanged("connecting"), LinkChanged("live")


def lost_link(news: News) -> bool:
    return isinstance(news, LinkChanged) and news.link == "lost"


class Hearer:
    """Takes what a feed delivers, from its thread, and keeps all of it."""

    def __init__(self) -> None:
        self.news_so_far: list[News] = []
        self._new: Queue[News] = Queue()

    def hear(self, news: News) -> None:
        self._new.put(news)

    def until(self, true: Callable[[News], bool]) -> News:
        """The next news of which this holds."""
        while True:
            self.news_so_far.append(news := self._new.get(timeout=60))
            if true(news):
                return news

    def until_a(self, kind: type) -> News:
        return self.until(lambda news: isinstance(news, kind))

    @property
    def links(self) -> list[str]:
        return [news.link for news in self.news_so_far if isinstance(news, LinkChanged)]

    @property
    def numbers(self) -> list[int]:
        return [news.seq for news in self.news_so_far if not isinstance(news, LinkChanged)]


@contextmanager
def feeding(url: str, first_pause: float = 0.05) -> Iterator[tuple[Feed, Hearer]]:
    """A feed that has begun; at the end its thread has ended."""
    hearer = Hearer()
    feed = Feed(Client(url), first_pause=first_pause, longest_pause=0.2)
    feed.start(hearer)
    try:
        yield feed, hearer
    finally:
        feed.stop()
        assert feed.join(30)


def here(tmp_path: Path, models: Path) -> Paths:
    return msgspec.structs.replace(
        places(tmp_path / "yard", CONF),
        models_dir=models,
        runtime_dir=tmp_path / "yard" / "state" / "run",
    )


@pytest.fixture
def address() -> str:
    """A free port, for daemons that follow each other."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


def test_a_switch_is_heard_from_its_beginning_to_its_end(tmp_path: Path, models: Path) -> None:
    with process(here(tmp_path, models)) as home, feeding(home.url) as (_, hearer):
        hearer.until_a(Snapshot)
        assert Client(home.url).switch("alpha").outcome == "ready"
        ended = hearer.until_a(SwitchEnded)
        after = Client(home.url).status()
    assert hearer.news_so_far[:2] == [CONNECTING, LIVE]
    assert isinstance(ended, SwitchEnded)
    assert (ended.profile, ended.outcome) == ("alpha", "ready")
    assert hearer.numbers == sorted(hearer.numbers)
    view = seen(hearer.news_so_far)
    model = view.model("alpha")
    assert model is not None
    assert (model.state, model.instance, view.current) == ("ready", "alpha.1", after.current)
    assert view.switches == {}


def test_what_was_folded_is_what_a_fresh_snapshot_says(tmp_path: Path, models: Path) -> None:
    """After loads, a failure and an end: the fold draws no other conclusions than the daemon."""
    with process(here(tmp_path, models)) as home, feeding(home.url) as (feed, hearer):
        client = Client(home.url)
        hearer.until_a(Snapshot)
        for name in ("alpha", "broken", "beta"):
            client.switch(name)
        client.unload("alpha")
        hearer.until_a(InstanceEnded)  # of the broken one
        hearer.until_a(InstanceEnded)
        while True:
            feed.refresh()
            snapshot = hearer.until_a(Snapshot)
            before = seen(hearer.news_so_far[:-1])
            if isinstance(snapshot, Snapshot) and snapshot.seq == before.last_seq:
                break  # nothing happened in between
    after = seen([snapshot])
    assert {model.id: model.state for model in after.models} == {
        "alpha": "unloaded",
        "beta": "ready",
        "broken": "failed",
    }
    gauges = {"devices": ()}  # read anew for the snapshot
    assert comparable(before) | gauges == comparable(after) | gauges


def seen(news_so_far: list[News]) -> View:
    view = View()
    for moment, news in enumerate(news_so_far):
        view = reduce_news(view, news, float(moment))
    return view


def test_a_daemon_that_was_killed_is_missed_and_its_successor_begins_with_a_snapshot(
    tmp_path: Path, models: Path, address: str
) -> None:
    paths = here(tmp_path, models)
    with process(paths, "--listen", address) as first, feeding(first.url) as (_, hearer):
        hearer.until_a(Snapshot)
        Client(first.url).switch("alpha")
        first.end(signal.SIGKILL)
        hearer.until(lost_link)
        with process(paths, "--listen", address) as second:
            assert second.url == first.url
            hearer.until(lambda news: news == LIVE)
            snapshot = hearer.until_a(Snapshot)
            assert isinstance(snapshot, Snapshot)
            [adopted] = snapshot.status.instances
            assert (adopted.id, adopted.adopted) == ("alpha.1", True)
            Client(second.url).unload("alpha")
            hearer.until(
                lambda news: isinstance(news, InstanceChanged) and news.instance.phase == "stopping"
            )
    assert hearer.links[:2] == ["connecting", "live"]
    assert set(hearer.links[2:-1]) <= {"connecting", "lost"}
    assert hearer.links[-1] == "live"


def test_a_fresh_snapshot_comes_for_the_asking_without_a_word_of_a_lost_link(
    tmp_path: Path, models: Path
) -> None:
    paths = here(tmp_path, models)
    with process(paths) as home, feeding(home.url) as (feed, hearer):
        hearer.until_a(Snapshot)
        paths.config.write_text(paths.config.read_text() + "[gamma]\nmodel = gamma.gguf\n")
        changed = hearer.until_a(ConfigChanged)
        assert isinstance(changed, ConfigChanged)
        assert changed.added == ["gamma"]
        feed.refresh()
        feed.refresh()
        snapshot = hearer.until_a(Snapshot)
    assert isinstance(snapshot, Snapshot)
    assert [profile.id for profile in snapshot.profiles] == ["alpha", "beta", "broken", "gamma"]
    assert hearer.links == ["connecting", "live", "live"]


def test_where_no_daemon_is_it_says_so_and_stops_in_the_middle_of_its_pause(address: str) -> None:
    with feeding(f"http://{address}", first_pause=3600.0) as (_, hearer):
        lost = hearer.until(lambda news: news != CONNECTING)
    assert isinstance(lost, LinkChanged)
    assert lost.link == "lost"
    assert lost.error == f"no daemon answers at http://{address}"


def test_an_order_to_refresh_ends_the_pause(tmp_path: Path, models: Path, address: str) -> None:
    with feeding(f"http://{address}", first_pause=3600.0) as (feed, hearer):
        hearer.until(lost_link)
        with process(here(tmp_path, models), "--listen", address):
            feed.refresh()
            hearer.until_a(Snapshot)


def test_it_can_be_stopped_by_its_own_callback(tmp_path: Path, models: Path) -> None:
    news_so_far: list[News] = []

    class Once:
        def hear(self, news: News) -> None:
            news_so_far.append(news)
            if isinstance(news, Snapshot):
                feed.stop()

    with process(here(tmp_path, models)) as home:
        feed = Feed(Client(home.url))
        feed.start(Once())
        assert feed.join(30)
    assert [type(news) for news in news_so_far] == [LinkChanged, LinkChanged, Snapshot]


def test_it_can_be_stopped_while_its_callback_waits_for_whoever_stops_it(
    tmp_path: Path, models: Path
) -> None:
    """As a screen does it: the feed waits for the screen, and the screen leaves."""
    held, let_go = Event(), Event()

    class Busy:
        def hear(self, news: News) -> None:
            if isinstance(news, Snapshot):
                held.set()
                let_go.wait(30)

    with process(here(tmp_path, models)) as home:
        feed = Feed(Client(home.url))
        feed.start(Busy())
        assert held.wait(30)
        feed.stop()
        assert not feed.join(0)
        let_go.set()
        assert feed.join(30)


# ---- against a small server that says what a daemon would say, and breaks off ----

FIRST = msgspec.to_builtins(with_glm()) | {"seq": 40}
SECOND = {"type": "queue", "seq": 41, "profile": "glm", "waiting": 1}
READING = msgspec.to_builtins(activity([])) | {"seq": 41}
THIRD = {"type": "queue", "seq": 42, "profile": "glm", "waiting": 0}


def test_who_comes_back_asks_for_what_came_after_the_last_event() -> None:
    asked: list[str | None] = []

    def cut_short(handler: Handler) -> None:
        asked.append(handler.headers["Last-Event-ID"])
        handler.sse(*([FIRST, SECOND, READING] if len(asked) == 1 else [THIRD]))

    with daemon(cut_short) as client, feeding(client.url) as (_, hearer):
        hearer.until(lambda news: getattr(news, "seq", 0) == 42)
    assert asked[:2] == [None, "41"]
    assert hearer.numbers == [40, 41, 41, 42]
    assert LinkChanged("lost", "the daemon has ended") in hearer.news_so_far


def test_what_is_not_understood_is_not_asked_for_again() -> None:
    asked: list[str | None] = []

    def babel(handler: Handler) -> None:
        asked.append(handler.headers["Last-Event-ID"])
        handler.sse(FIRST, {"type": "queue", "seq": "of a newer daemon"})

    with daemon(babel) as client, feeding(client.url) as (_, hearer):
        lost = hearer.until(lost_link)
        hearer.until_a(Snapshot)
    assert isinstance(lost, LinkChanged)
    assert lost.error.startswith("/events answered with something else than expected")
    assert asked[:2] == [None, None]


def test_a_refusal_is_reported_as_it_is() -> None:
    refusal = {"error": {"code": "unauthorized", "message": "this daemon wants a key"}}
    with daemon(lambda h: h.reply(refusal, 401)) as client, feeding(client.url) as (_, hearer):
        assert hearer.until(lost_link) == LinkChanged("lost", "this daemon wants a key")
