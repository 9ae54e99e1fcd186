"""A load mode that the history names is given to the next load. On a CPU: that all lies on GPUs is made up."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.placement import LoadEntry, Placement
from paddock.api.weights import LoadedWeights
from paddock.daemon.history.store import HistoryStore
from paddock.host.seen_files import look
from paddock.placement import load_modes
from tests.daemon.test_switch_progress import here
from tests.yard import Yard, yard


def past(mode: str, seconds: float, cached: float | None, mib: int) -> LoadEntry:
    placement = Placement(load_mode=mode, weights=LoadedWeights(mib=mib, cached=cached))
    return LoadEntry(
        instance="alpha.9", profile="alpha", fingerprint="f", seconds=seconds, outcome="ready",
        placement=placement,
    )  # fmt: skip


async def load(home: Yard) -> tuple[list[str], dict[str, Any]]:
    """One of alpha: its command line, and its instance."""
    await home.answer("alpha")
    [instance] = (await home.get("/status"))["instances"]
    number = instance["id"].rpartition(".")[2]
    record = home.paths.state_dir / "instances" / number / "record.json"
    await home.daemon.chronicle.finish()
    await home.post("/unload", {"model": "alpha"})
    await home.until(lambda s: not s.instances)
    return msgspec.json.decode(record.read_bytes())["argv"], instance


async def test_the_named_mode_is_given_where_all_lies_on_gpus_which_is_made_up_here(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(load_modes, "lies_on_gpus", lambda plan: True)
    file = models / "alpha.gguf"
    file.read_bytes()  # warm
    async with yard(here(tmp_path, models, "[alpha]\nmodel = alpha.gguf\n")) as home:
        for seconds in (6.0, 6.1, 6.2):
            for mode, longer in (("mmap", 3.0), ("none", 0.0)):
                entry = past(mode, seconds + longer, 1.0, look([file]).mib)
                await home.daemon.chronicle.history.add_load(entry)
        argv, instance = await load(home)
        history = await home.get("/history/alpha")
        [newest, *_] = history["loads"]
        (home.paths.config).write_text(
            home.paths.config.read_text().replace("[alpha]", "[alpha]\nload-mode-choice = off")
        )
        await home.post("/reload")
        left_alone, _ = await load(home)
        unnamed = (await home.get("/history/alpha"))["load_modes"]
    why = "its warm loads by mmap took 9.1 s (3 loads), by none 6.1 s (3 loads)"
    assert argv[argv.index("--load-mode") + 1] == "none"
    for placement in (instance["placement"], newest["placement"]):
        assert (placement["load_mode"], placement["load_mode_why"]) == ("none", why)
    [named] = history["load_modes"]
    assert (named["mode"], named["page_cache"]) == ("none", "warm")
    assert named["why"].endswith("by none 6.0 s (4 loads)"), "its own load counts from now on"
    assert not instance.get("stale")
    assert (
        len({load["fingerprint"] for load in history["loads"] if load["fingerprint"] != "f"}) == 1
    )
    assert "--load-mode" not in left_alone
    assert unnamed == []


async def test_what_was_loaded_long_ago_still_stands_beside_what_is_chosen_since(tmp_path: Path):
    history = await HistoryStore.open(tmp_path / "history.sqlite")
    await history.add_load(past("mmap", 9.0, 1.0, 900))
    await history.add_load(past("mmap", 20.0, 0.1, 900))
    await history.add_load(past("", 9.0, None, 900))
    for _ in range(4):
        await history.add_load(past("none", 6.0, 1.0, 900))
    found = await history.loads_by_mode("alpha", limit=2)
    others = await history.loads_by_mode("beta")
    await history.close()
    assert [(load_modes.mode_of(x), load_modes.state_of(x)) for x in found] == [
        ("none", "warm"), ("none", "warm"), ("", None), ("mmap", "cold"), ("mmap", "warm"),
    ]  # fmt: skip
    assert others == []
