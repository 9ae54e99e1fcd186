"""A file as editors write it: in place, by replacing it, through a link."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.daemon.profiles.watch import written
from paddock.file_events import route


class Heard:
    """Counts what a watch reports."""

    def __init__(self, path: Path) -> None:
        self._changes = written(path)
        self._next: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        self._next = asyncio.ensure_future(anext(self._changes))  # `after` and `close` await it
        await asyncio.sleep(0)  # from now on it is watched

    async def after(self, change: Callable[[], object]) -> None:
        """Return when that was noticed."""
        if self._next is None:
            await self.listen()
        assert self._next is not None
        change()
        await self._next
        await self.listen()

    def is_reported(self) -> bool:
        return self._next is not None and self._next.done()

    async def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])
        await self._changes.aclose()  # type: ignore[attr-defined]


@asynccontextmanager
async def watching(path: Path) -> AsyncIterator[Heard]:
    heard = Heard(path)
    await heard.listen()
    try:
        yield heard
    finally:
        await heard.close()


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "models.conf"
    path.write_text("one")
    return path


def replace(path: Path, text: str) -> None:
    other = path.with_name(path.name + "~")
    other.write_text(text)
    other.replace(path)


async def test_written_in_place(conf):
    async with watching(conf) as heard:
        await heard.after(lambda: conf.write_text("two"))
        await heard.after(lambda: conf.write_text("three"))


async def test_replaced_as_most_editors_do(conf):
    async with watching(conf) as heard:
        await heard.after(lambda: replace(conf, "two"))
        await heard.after(lambda: replace(conf, "three"))


async def test_removed_and_written_again(conf):
    async with watching(conf) as heard:
        await heard.after(conf.unlink)
        await heard.after(lambda: conf.write_text("two"))


async def test_other_files_in_its_folder_do_not_matter(conf):
    async with watching(conf) as heard:
        conf.with_name("models.conf.swp").write_text("x")
        conf.with_name("other").write_text("x")
        await heard.after(lambda: conf.write_text("two"))
        assert not heard.is_reported()


async def test_behind_a_link_the_file_itself_is_watched_too(conf, tmp_path):
    folder = tmp_path / "dotfiles"
    folder.mkdir()
    link = folder / "link.conf"
    link.symlink_to(conf)
    async with watching(link) as heard:
        await heard.after(lambda: conf.write_text("two"))
        await heard.after(lambda: replace(conf, "three"))


async def test_a_link_that_is_turned_is_followed_to_its_new_file(conf, tmp_path):
    """As a dotfile manager does it: each generation lies in a folder of its own."""
    generations = [tmp_path / name / "real.conf" for name in ("1", "2")]
    for path in generations:
        path.parent.mkdir()
        path.write_text("x")
    link = tmp_path / "link.conf"
    link.symlink_to(generations[0])

    def turn() -> None:
        fresh = tmp_path / "fresh"
        fresh.symlink_to(generations[1])
        fresh.replace(link)

    async with watching(link) as heard:
        await heard.after(turn)
        await heard.after(lambda: generations[1].write_text("y"))


async def test_a_link_to_nowhere_is_watched_until_it_leads_somewhere(tmp_path):
    link = tmp_path / "link.conf"
    link.symlink_to(tmp_path / "nowhere" / "models.conf")
    async with watching(link) as heard:
        await heard.after(lambda: replace(link, "one"))


async def test_a_link_onto_itself_is_watched_until_it_leads_somewhere(conf):
    def circle() -> None:
        conf.unlink()
        conf.symlink_to(conf)

    async with watching(conf) as heard:
        await heard.after(circle)
        await heard.after(lambda: replace(conf, "two"))
        await heard.after(lambda: conf.write_text("three"))


async def test_a_folder_that_is_replaced_is_watched_again(tmp_path):
    """As a checkout, a synchroniser or a package does it: another folder of the same name."""
    conf = tmp_path / "conf" / "models.conf"
    conf.parent.mkdir()
    conf.write_text("one")

    def swap() -> None:
        fresh = tmp_path / "fresh"
        fresh.mkdir()
        (fresh / conf.name).write_text("two")
        conf.parent.rename(tmp_path / f"old-{len(list(tmp_path.iterdir()))}")
        fresh.rename(conf.parent)

    async with watching(conf) as heard:
        for _ in range(2):
            await heard.after(swap)
            await heard.after(lambda: conf.write_text("three"))


async def test_folders_that_are_not_there_yet_are_waited_for(tmp_path):
    conf = tmp_path / "a" / "b" / "models.conf"

    def make() -> None:
        conf.parent.mkdir(parents=True)
        conf.write_text("one")

    async with watching(conf) as heard:
        await heard.after(make)
        await heard.after(lambda: replace(conf, "two"))


async def test_a_file_that_becomes_readable_is_noticed(conf):
    """Its content is the same, but what could not be read now can."""
    conf.chmod(0)
    async with watching(conf) as heard:
        await heard.after(lambda: conf.chmod(0o600))


@given(st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=6))
def test_every_way_to_a_file_has_an_end(parts: list[str]):
    """Whatever links there are, in circles too."""
    with TemporaryDirectory() as name:
        root = Path(name)
        (root / "a").symlink_to("b")
        (root / "b").symlink_to(root / "a")
        (root / "c").mkdir()
        (root / "c" / "a").symlink_to("../c")
        way = route(root.joinpath(*parts))
        assert way
        assert all(folder.is_absolute() for folder, _ in way)
