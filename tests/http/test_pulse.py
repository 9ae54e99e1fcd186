"""One timer beats for all who wait for a word."""

import asyncio

from paddock.http.pulse import Heart


class _Counted:
    """Stands in for a pulse: counts its beats, and says when it had so many."""

    def __init__(self, *, enough: int = 1, breaks: bool = False) -> None:
        self.every, self.beats, self._enough, self._breaks = 0.001, 0, enough, breaks
        self.had_enough = asyncio.Event()

    def beat(self) -> None:
        self.beats += 1
        if self.beats >= self._enough:
            self.had_enough.set()
        if self._breaks:
            raise RuntimeError("this one cannot speak")


async def test_each_beats_again_and_again_also_beside_one_that_breaks() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    heart, broken, sound = Heart(), _Counted(breaks=True), _Counted(enough=3)
    heart.add(broken, 0.0)
    heart.add(sound, 0.0)
    await sound.had_enough.wait()
    assert broken.beats >= 2
    heart.remove(broken)
    heart.remove(sound)


async def test_whoever_is_to_beat_sooner_does_not_wait_for_those_who_came_before() -> None:
    heart, later, sooner = Heart(), _Counted(), _Counted()
    heart.add(later, 3600.0)
    heart.add(sooner, 0.0)
    await sooner.had_enough.wait()
    assert later.beats == 0


async def test_who_was_taken_out_beats_no_more() -> None:
    heart, gone, other = Heart(), _Counted(), _Counted(enough=2)
    heart.add(gone, 0.0)
    heart.add(other, 0.0)
    heart.remove(gone)
    heart.remove(gone)
    await other.had_enough.wait()
    assert gone.beats == 0
