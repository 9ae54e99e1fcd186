"""Which quantisation is proposed: the largest that lies where it is fast, by this machine's memory."""

from pathlib import Path

import pytest
from msgspec import structs

from paddock.api.types import DeviceInfo, InstanceInfo
from paddock.core.model import HOST, DeviceId
from paddock.hub.expectation import MeasuredModel, active_bytes, pushed_out, speed_class
from paddock.hub.headers import RemoteHeaders
from paddock.hub.names import parsed
from paddock.hub.proposal import Chooser, PullProposal
from paddock.hub.repository import HubFile, HubModel, sorted_out
from paddock.llama.facts import read
from paddock.llama.gguf import Facts
from paddock.llama.scripted import ScriptedModel, write
from paddock.placement.devices import Reading
from paddock.placement.draft_machine import DraftCard, Machine
from tests.hub.statuses import status

GIB = 1 << 30
SIZES = {"Q2_K": 3, "Q4_K_M": 5, "Q6_K": 7, "Q8_0": 9, "BF16": 16}  # GiB


class Known(RemoteHeaders):
    """Headers of a model whose file is at hand, blown up to the size that is listed: no hub is asked."""

    def facts(self, offer: HubModel) -> Facts:
        from paddock.hub.proposal import scaled

        READ.append(offer.quantisation)
        return scaled(FACTS[0], offer)

    def extra(self, file: HubFile, offer: HubModel) -> Path:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / file.name
        with path.open("wb") as made:
            made.truncate(file.size)
        return path


READ: list[str] = []
FACTS: list[Facts] = []


@pytest.fixture(autouse=True, scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("models")
    file = write(folder / "p.gguf", ScriptedModel(say="Hi.", layers=32, ctx=32768))
    FACTS.append(structs.replace(read(file, cache_dir=folder), n_params=8_000_000_000, n_embd=4096))


def machine(*cards: int, ram: int = 64) -> Machine:
    """GiB of each."""
    readings = [
        Reading(DeviceId(f"0{i}"), f"CUDA{i}", gib << 10, gib << 10) for i, gib in enumerate(cards)
    ]
    host = Reading(HOST, "Host", ram << 10, ram << 10)
    return Machine(tuple(DraftCard(r, has_mib=r.total_mib) for r in readings), host)


def proposed(tmp_path: Path, on: Machine, name: str = "acme/x", projector: int = 0) -> PullProposal:
    READ.clear()
    files = [HubFile(f"x-{q}.gguf", gib * GIB, "0" * 64) for q, gib in SIZES.items()]
    files += [HubFile("mmproj-F16.gguf", projector, "1" * 64)] if projector else []
    repository = sorted_out(parsed(name), "c" * 40, files)
    headers = Known(None, repository.name, "c" * 40, tmp_path / "h")  # type: ignore[arg-type]
    return Chooser(repository, headers, on).proposal()


@pytest.mark.parametrize(
    ("on", "chosen", "fit"),
    [
        (machine(24), "Q8_0", "gpu"),
        (machine(9), "Q6_K", "gpu"),
        (machine(7), "Q4_K_M", "gpu"),
        (machine(5, 5), "Q6_K", "gpu"),
        (machine(), "Q8_0", "ram"),
        (machine(ram=9), "Q6_K", "ram"),
        (machine(2, ram=32), "Q4_K_M", "part"),  # whole nowhere fast: the smallest that is good
        (machine(ram=2), "Q2_K", "no"),  # the smallest, and it is said
    ],
)
def test_the_largest_that_is_whole_where_it_is_fast(
    tmp_path: Path, on: Machine, chosen: str, fit: str
) -> None:
    found = proposed(tmp_path, on)
    assert (found.chosen.offer.quantisation, found.chosen.fit) == (chosen, fit)
    assert found.chosen.is_read
    assert len(READ) <= 2  # headers


def test_its_neighbours_are_shown_with_what_they_cost(tmp_path: Path) -> None:
    found = proposed(tmp_path, machine(9))
    assert [one.offer.quantisation for one in found.near] == ["Q4_K_M", "Q6_K", "Q8_0"]
    assert [one.fit for one in found.near] == ["gpu", "gpu", "part"]
    contexts = [one.context.tokens for one in found.near]
    assert contexts[0] >= contexts[1] > contexts[2]


def test_the_one_that_is_named_is_taken_and_judged(tmp_path: Path) -> None:
    found = proposed(tmp_path, machine(9), "acme/x:BF16")
    assert (found.chosen.offer.quantisation, found.chosen.fit, found.is_named) == (
        "BF16",
        "part",
        True,
    )
    assert READ == ["BF16"]


def test_a_projector_is_fetched_with_it_and_counts(tmp_path: Path) -> None:
    with_one = proposed(tmp_path, machine(9), projector=GIB)
    assert with_one.chosen.projector is not None
    assert with_one.chosen.size == with_one.chosen.offer.size + GIB
    alone = proposed(tmp_path, machine(9), f"acme/x:{with_one.chosen.offer.quantisation}")
    assert with_one.chosen.plan.devices[0].model - alone.chosen.plan.devices[
        0
    ].model == pytest.approx(1024, abs=2)


# ---- beside what is loaded, and how fast ----


def test_idle_ones_would_leave_before_busy_ones_until_it_fits(tmp_path: Path) -> None:
    plan = proposed(tmp_path, machine(24)).chosen.plan
    need = plan.devices[0].total + plan.devices[0].margin

    def leaving(free: int, **booked: int) -> list[str]:
        device = DeviceInfo(name="CUDA0", kind="gpu", id="00", free_mib=free, booked_mib=booked)
        instances = [
            InstanceInfo(id="1", profile="old", phase="ready", since="2026-01-01"),
            InstanceInfo(id="2", profile="busy", phase="busy", since="2025-01-01", leases=1),
            InstanceInfo(id="3", profile="new", phase="ready", since="2026-02-01"),
        ]
        return pushed_out(plan, status(devices=[device], instances=instances))

    assert leaving(need) == []
    assert leaving(need - 100, **{"1": 200, "2": 200, "3": 200}) == ["old"]
    assert leaving(need - 300, **{"1": 200, "2": 200, "3": 200}) == ["old", "new"]
    assert leaving(need - 500, **{"1": 200, "2": 200, "3": 200}) == ["old", "new", "busy"]
    assert leaving(need - 100, **{"3": 200}) == ["new"]


def test_speed_is_that_of_models_that_lie_alike_by_what_a_token_reads() -> None:
    facts = FACTS[0]
    twice = scaled_by(facts, 2)
    known = [
        MeasuredModel(facts, "gpu", 60.0),
        MeasuredModel(facts, "gpu", 40.0),
        MeasuredModel(facts, "ram", 5.0),
    ]
    found = speed_class(twice, "gpu", known)
    assert found is not None
    assert found.speed == pytest.approx(25.0, rel=0.01)
    assert found.models == 2
    assert speed_class(twice, "part", known) is None


def scaled_by(facts: Facts, by: int) -> Facts:
    from paddock.hub.proposal import scaled

    return scaled(facts, HubModel((HubFile("x.gguf", facts.size_bytes * by),)))


def test_of_experts_only_those_that_are_used_count() -> None:
    layers = FACTS[0].n_layers
    moe = structs.replace(FACTS[0], experts=8, experts_used=2, expert_bytes=(800,) * layers)
    assert active_bytes(moe) == active_bytes(FACTS[0]) + 200 * layers
