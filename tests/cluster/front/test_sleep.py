"""A node that sleeps: nothing is sent to it, until a model that only it has is wanted."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.stable import stable_of


@dataclass(frozen=True)
class Night:
    mac: str = ""  # no packet: the tests' network has nobody to wake
    sleep: tuple[str, ...] = ("true",)
    idle: float = 3600.0
    wake_seconds: float = 120.0


async def test_a_sleeping_node_is_woken_for_what_only_it_has(tmp_path: Path, models: Path) -> None:
    both = f"[beta]\nmodel = {models}/beta.gguf\n"
    confs = {"one": f"[alpha]\nmodel = {models}/alpha.gguf\n{both}", "two": both}
    async with stable_of(tmp_path, confs, nights={"one": Night()}) as home:
        assert home.front is not None
        sleep, link = home.front.sleep, home.front.stable.links["one"]
        assert (sleep.idle_for("one") or 0.0) >= 0.0
        sleep.falls_asleep("one")
        await home.ways["one"].cut()
        assert await home.answer("beta") == "I am beta."
        assert link.is_asleep
        asking = asyncio.ensure_future(home.answer("alpha"))
        status = await home.until(lambda s: s.requests)
        assert [request.profile for request in status.requests] == ["alpha"]
        async with asyncio.timeout(30):
            while link.is_asleep:
                await home.front.stable.wait_changed()
        await home.ways["one"].start()
        assert await asking == "I am alpha."


async def test_a_node_that_cannot_be_let_sleep_is_used_as_before(
    tmp_path: Path, models: Path
) -> None:
    conf = {"one": f"[alpha]\nmodel = {models}/alpha.gguf\n"}
    async with stable_of(tmp_path, conf, nights={"one": Night()}) as home:
        assert home.front is not None
        home.front.sleep.falls_asleep("one")
        assert home.front.sleep.idle_for("one") is None
        home.front.sleep.stays_awake("one")
        assert await home.answer("alpha") == "I am alpha."
