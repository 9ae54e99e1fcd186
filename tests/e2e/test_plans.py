"""Pages of plans and pairs, from a whole daemon: what all pages hold together, and what no page is."""

import asyncio
from collections.abc import AsyncIterator
from itertools import combinations
from pathlib import Path

import msgspec
import pytest

from paddock.api.client import Client
from paddock.api.placement import Plan
from paddock.placement.pairs import pairs
from tests.yard import Yard, places, yard

_NAMES = [f"m{number}" for number in range(17)]


@pytest.fixture
async def many(tmp_path: Path, models: Path) -> AsyncIterator[Yard]:
    """Seventeen profiles of one model, each with another context."""
    conf = "".join(
        f"[{name}]\nmodel = alpha.gguf\nctx-size = {512 * (number + 1)}\naliases = other-{name}\n"
        for number, name in enumerate(_NAMES)
    )
    paths = msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=models)
    async with yard(paths) as home:
        yield home


async def test_pages_of_plans_follow_one_another(many):
    first = await many.get("/plans?limit=10")
    second = await many.get("/plans?limit=10&offset=10")
    assert [plan["profile"] for plan in first["plans"] + second["plans"]] == _NAMES
    assert (first["total"], second["offset"]) == (17, 10)
    assert (await many.get("/plans?offset=17"))["plans"] == []
    assert len((await many.get("/plans"))["plans"]) == 17


async def test_all_pages_of_pairs_are_what_the_plans_come_to(many):
    client = Client(many.url)
    plans: list[Plan] = await asyncio.to_thread(lambda: list(client.plans()))
    found = await asyncio.to_thread(lambda: list(client.pairs()))
    assert [(p.one, p.other) for p in found] == list(combinations(_NAMES, 2))
    assert [(p.fits, p.why) for p in found] == [(p.fits, p.why) for p in pairs(plans)]


async def test_who_fits_beside_one_is_asked_by_any_of_its_names(many):
    page = await many.get("/pairs?model=other-m3&limit=5&offset=2")
    assert [(p["one"], p["other"]) for p in page["pairs"]] == [
        ("m3", other) for other in ("m2", "m4", "m5", "m6", "m7")
    ]
    assert page["total"] == 16
    assert "error" in await many.get("/pairs?model=nobody")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "offset=-1", "limit=x", "offset=" + "9" * 5000]
)
@pytest.mark.parametrize("path", ["/plans", "/pairs"])
async def test_what_is_no_page_is_refused(many, path, query):
    reply = await many.get(f"{path}?{query}")
    assert reply["error"]["code"] == "bad_request"
