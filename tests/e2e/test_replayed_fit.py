"""Loads that are given the placement of their plan: what people see of it, and what happens where it does not hold."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.llama.scripted import ScriptedModel, write
from paddock.placement.replay import replay_of
from tests.rig import Rig, needs_rig, rig
from tests.yard import Yard, places, wrapper, yard

Opened = Callable[..., AbstractAsyncContextManager[Yard]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dense` and `moe` of 120 MiB."""
    folder = tmp_path_factory.mktemp("models")
    shape: Any = {"layers": 12, "embd": 512, "heads": 8, "kv_heads": 4, "ctx": 16384}
    moe: Any = {"arch": "qwen3moe", "ff": 256, "experts_used": 4}
    for name, more in (("dense", {}), ("moe", moe)):
        script = ScriptedModel(say=f"I am {name}.", name=name, target_mib=120, **shape, **more)
        write(folder / f"{name}.gguf", script)
    return folder


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[Rig]:
    """RPC0 of 200 MiB and RPC1 of 140."""
    with rig(tmp_path, 200, 140) as found:
        yield found


@pytest.fixture
def opened(tmp_path: Path, models: Path) -> Opened:
    def opening(conf: str, **settings: object) -> AbstractAsyncContextManager[Yard]:
        paths = msgspec.structs.replace(
            places(tmp_path / "yard", "fit-target = 30,15\n" + conf), models_dir=models
        )
        return yard(paths, **settings)

    return opening


def profile(name: str, *lines: str) -> str:
    return f"[{name}]\nmodel = {name}.gguf\n" + "".join(f"{line}\n" for line in lines)


async def loaded(home: Yard, name: str) -> dict[str, Any]:
    """Its instance, once it has a verdict."""
    assert await home.answer(name) == f"I am {name}."
    await home.until(lambda s: s.instances[0].verdict is not None)
    instance: dict[str, Any] = (await home.get("/status"))["instances"][0]
    return instance


async def left(home: Yard, name: str) -> None:
    await home.post("/unload", {"model": name})
    await home.until(lambda s: not s.instances)


def argv_of(home: Yard, number: int) -> list[str]:
    record = home.paths.state_dir / "instances" / str(number) / "record.json"
    argv: list[str] = msgspec.json.decode(record.read_bytes())["argv"]
    return argv


@needs_rig
@pytest.mark.parametrize("name", ["dense", "moe"])
async def test_what_was_planned_is_loaded_without_a_search_and_verified(
    devices: Rig, opened: Opened, name: str
):
    async with opened(profile(name, devices.flag.strip())) as home:
        plan = await home.get(f"/plans/{name}")
        instance = await loaded(home, name)
        argv = argv_of(home, 1)
        history = await home.get(f"/history/{name}")
    begins = argv.index("--fit")
    assert argv[begins : begins + len(plan["replay"])] == plan["replay"]
    assert plan["replay"][:2] == ["--fit", "off"]
    assert instance["placement"]["replayed"] is True
    assert (instance["verdict"]["state"], instance["verdict"].get("reasons", [])) == (
        "verified",
        [],
    )
    assert history["loads"][0]["placement"]["replayed"] is True


@needs_rig
async def test_a_fitted_and_a_replayed_load_are_the_same_recipe(tmp_path: Path, opened: Opened):
    """Also of experts in RAM, of which only fit prints how many layers they are."""
    with rig(tmp_path, 110) as one:
        async with opened(profile("moe", one.flag.strip(), "fit-target = 10")) as home:
            fitted = await loaded(home, "moe")
            await left(home, "moe")
            plan = await home.get("/plans/moe")
            assert any("--override-tensor" in word for word in plan["replay"])
            replayed = await loaded(home, "moe")
            await left(home, "moe")
            home.daemon.plans.drop(*_of(home, "moe"))
            again = await loaded(home, "moe")
            history = await home.get("/history/moe")
    seen = [x["placement"].get("replayed", False) for x in (fitted, replayed, again)]
    assert seen == [False, True, False]
    overflowing = {x["placement"]["layers_overflowing"] for x in (fitted, replayed, again)}
    assert len(overflowing) == 1
    assert [x["verdict"].get("reasons", []) for x in (replayed, again)] == [[], []]
    assert replayed["verdict"]["state"] == again["verdict"]["state"] == "verified"
    assert len({load["fingerprint"] for load in history["loads"]}) == 1
    assert not replayed.get("stale")


def _of(home: Yard, name: str) -> Any:
    roster = home.daemon.roster
    own = roster.stable.profiles[name]
    return own, roster.engine(own)


@needs_rig
async def test_a_profile_that_forbids_it_is_fitted_each_time(devices: Rig, opened: Opened):
    conf = profile("dense", devices.flag.strip(), "replay-fit = off")
    async with opened(conf) as home:
        await home.get("/plans/dense")
        instance = await loaded(home, "dense")
        argv = argv_of(home, 1)
    assert "replayed" not in instance["placement"]
    assert "--fit" not in argv


# ---- where it does not hold ----


@needs_rig
async def test_memory_that_another_program_took_meanwhile_is_seen_and_fit_searches(
    devices: Rig, opened: Opened
):
    """Made-up: the device shrinks after the plan was made, as it does when another program takes memory."""
    async with opened(profile("dense", devices.flag.strip(), "ctx-size = 4096")) as home:
        plan = await home.get("/plans/dense")
        devices.resize(0, 90)
        instance = await loaded(home, "dense")
        argv = argv_of(home, 1)
        history = await home.get("/history/dense")
        models = (await home.get("/models"))["data"]
        first = home.paths.state_dir / "instances" / "1" / "log.1"
        earlier = first.read_text()
    assert plan["replay"]
    assert instance["id"] == "dense.1", "the same load goes on"
    assert "--fit" not in argv
    assert "replayed" not in instance["placement"]
    held = sum(b["mib"] for b in instance["placement"]["buffers"] if b["device"] == "RPC0")
    assert held <= 90
    assert [load["outcome"] for load in history["loads"]] == ["ready"]
    assert "failure" not in models[0]["paddock"]
    assert "using device RPC0" in earlier, "what the first attempt said can still be read"


@needs_rig
async def test_memory_that_another_program_gave_back_is_seen_and_fit_searches(
    devices: Rig, opened: Opened
):
    """Made-up: the device grows after the plan was cut to it; no driver reads it."""
    devices.resize(0, 90)
    async with opened(profile("dense", devices.flag.strip(), "ctx-size = 4096")) as home:
        cut = await home.get("/plans/dense")
        devices.resize(0, 200)
        instance = await loaded(home, "dense")
        await left(home, "dense")
        whole = await home.get("/plans/dense")
    assert cut["replay"]
    assert instance["id"] == "dense.1", "the same load goes on"
    held = sum(b["mib"] for b in instance["placement"]["buffers"] if b["device"] == "RPC0")
    assert held > 90
    assert whole["devices"][0]["available"] == 200


@needs_rig
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"--n-gpu-layers": "3"}, "RPC0 holds"),
        ({"--override-tensor": r"^blk\.3\.ffn_up\.weight$=CPU"}, "5 graph splits, its plan has 3"),
    ],
)
async def test_flags_that_the_engine_follows_otherwise_are_seen_by_the_load_and_used_no_more(
    devices: Rig, opened: Opened, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], why: str
):
    """Made-up: a layer of less weight, or a tensor in RAM, as if this engine had other flags than we think."""

    def spoilt(*those: Any) -> list[str]:
        words = replay_of(*those)
        right = dict(zip(words[::2], words[1::2], strict=True))
        return [word for pair in (right | wrong).items() for word in pair]

    monkeypatch.setattr("paddock.placement.planner.replay_of", spoilt)
    async with opened(profile("dense", devices.flag.strip(), "ctx-size = 4096")) as home:
        before = await home.get("/plans/dense")
        instance = await loaded(home, "dense")
        await left(home, "dense")
        after = await home.get("/plans/dense")
        again = await loaded(home, "dense")
        second = argv_of(home, 2)
    assert before["replay"]
    assert instance["id"] == "dense.1", "the same load goes on"
    assert [x["verdict"]["placement"] for x in (instance, again)] == ["verified", "verified"]
    assert "replay" not in after
    assert why in after["notes"][-1]
    assert after["notes"][-1].startswith("each load searches anew: ")
    assert "--fit" not in second


OUT_OF_MEMORY = "0.1 E ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9 MiB on device 0: cudaMalloc failed: out of memory"  # fmt: skip


def failing(folder: Path, *, when: str, words: str = OUT_OF_MEMORY) -> Path:
    """An engine that notes each load, and ends like this where its command line has `when`."""
    return wrapper(
        folder / "engine",
        f'case "$*" in *"--verbosity 5"*) ;; *) echo "$*" >> {folder}/loads;; esac\n'
        f"""case "$*" in *"--verbosity 5"*) ;; *"{when}"*) echo '{words}' >&2; exit 1;; esac""",
    )


def loads(folder: Path) -> list[bool]:
    """Whether each load that was begun was a replayed one."""
    return ["--fit off" in line for line in (folder / "loads").read_text().splitlines()]


async def test_a_replayed_load_that_lacks_memory_is_tried_once_with_fit(
    tmp_path: Path, opened: Opened
):
    engine = failing(tmp_path, when="--fit off")
    async with opened(profile("dense"), engine=str(engine)) as home:
        assert (await home.get("/plans/dense"))["replay"] == ["--fit", "off"]
        assert await home.answer("dense") == "I am dense."
        status = await home.status()
        history = await home.get("/history/dense")
    assert loads(tmp_path) == [True, False]
    assert [i.id for i in status.instances] == ["dense.1"]
    assert status.faults == []
    assert [load["outcome"] for load in history["loads"]] == ["ready"]


async def test_the_second_try_needs_no_log_of_an_earlier_instance(tmp_path: Path, opened: Opened):
    engine = failing(tmp_path, when="--fit off")
    async with opened(profile("dense"), engine=str(engine), logs_kept=0) as home:
        await home.get("/plans/dense")
        assert await home.answer("dense") == "I am dense."
    assert loads(tmp_path) == [True, False]


async def test_the_next_load_after_that_searches_until_there_is_a_new_plan(
    tmp_path: Path, opened: Opened
):
    engine = failing(tmp_path, when="--fit off")
    async with opened(profile("dense"), engine=str(engine)) as home:
        await home.get("/plans/dense")
        for _ in range(2):
            await home.answer("dense")
            await left(home, "dense")
    assert loads(tmp_path) == [True, False, False]


async def test_what_fails_with_fit_too_fails_once(tmp_path: Path, opened: Opened):
    engine = failing(tmp_path, when="--host")
    async with opened(profile("dense"), engine=str(engine)) as home:
        await home.get("/plans/dense")
        status, reply = await home.ask("dense")
        history = await home.get("/history/dense")
    assert loads(tmp_path) == [True, False]
    assert status >= 400
    assert "out of memory" in reply["error"]["message"]
    assert [load["outcome"] for load in history["loads"]] == ["failed"]


async def test_what_fails_for_another_reason_is_not_tried_again(tmp_path: Path, opened: Opened):
    engine = failing(tmp_path, when="--fit off", words="0.1 E srv main: a thing that is no memory")
    async with opened(profile("dense"), engine=str(engine)) as home:
        await home.get("/plans/dense")
        status, _ = await home.ask("dense")
    assert loads(tmp_path) == [True]
    assert status >= 400


async def test_a_load_that_is_cancelled_is_not_tried_again(tmp_path: Path, opened: Opened):
    engine = wrapper(
        tmp_path / "engine",
        'case "$*" in *"--verbosity 5"*) ;; *) '
        f"echo \"$*\" >> {tmp_path}/loads; echo '{OUT_OF_MEMORY}' >&2; exec sleep 600;; esac",
    )
    async with opened(profile("dense"), engine=str(engine)) as home:
        await home.get("/plans/dense")
        await home.post("/switch", {"model": "dense", "wait": False})
        await home.until(lambda _: (tmp_path / "loads").exists())
        await home.post("/cancel", {"model": "dense"})
        await home.until(lambda s: not s.instances)
    assert loads(tmp_path) == [True]
