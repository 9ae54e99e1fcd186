"""A log followed against real daemons: over switches and restarts, until it is stopped."""

import signal
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import msgspec

from paddock.api.client import Client
from paddock.tui.tail import Tail
from tests.yard import Process, places, process

CONF = "[alpha]\nmodel = alpha.gguf\n[beta]\nmodel = beta.gguf\n"


class Hearer:
    def __init__(self) -> None:
        self.received: list[str | None] = []
        self._new: Queue[str | None] = Queue()

    def hear(self, line: str | None) -> None:
        self._new.put(line)

    def until(self, true: Callable[[str], bool]) -> str:
        while True:
            self.received.append(line := self._new.get(timeout=60))
            if line is not None and true(line):
                return line


def begins(words: str) -> Callable[[str], bool]:
    return lambda line: line.startswith(words)


def test_it_goes_on_over_switches_and_restarts(tmp_path: Path, models: Path):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    paths.settings.write_text("max-instances = 1\n")
    with process(paths) as daemon:
        client, heard = Client(daemon.url), Hearer()
        tail = Tail(client, None, heard, lines=50, first_pause=0.05)
        tail.start()
        client.switch("alpha")
        heard.until(begins("── alpha.1,"))
        client.switch("beta")
        heard.until(begins("── beta.2,"))
        daemon.end(signal.SIGTERM)
        heard.until(lambda line: "no daemon answers" in line)
        again = Process(paths, "--listen", daemon.url.removeprefix("http://"))
        try:
            heard.received.clear()
            heard.until(begins("── beta.2,"))
            assert None in heard.received, "it began anew"
            client.switch("alpha")
            heard.until(begins("── alpha.3,"))
        finally:
            tail.stop()
            again.popen.kill()
            again.popen.wait()


def test_a_log_that_is_not_there_is_not_asked_for_again(tmp_path: Path, models: Path):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    with process(paths) as daemon:
        heard = Hearer()
        tail = Tail(Client(daemon.url), "gamma", heard, lines=50)
        tail.start()
        heard.until(begins("── there is no log of 'gamma'"))
        tail._thread.join(30)
        assert not tail._thread.is_alive()


def test_whoever_stops_it_need_not_wait(tmp_path: Path, models: Path):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    with process(paths) as daemon:
        heard = Hearer()
        tail = Tail(Client(daemon.url), "alpha", heard, lines=50)
        tail.start()
        Client(daemon.url).switch("alpha")
        heard.until(begins("── alpha.1,"))
        tail.stop()
        tail._thread.join(30)
        assert not tail._thread.is_alive()
