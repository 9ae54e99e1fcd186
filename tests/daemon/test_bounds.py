"""Engines that write without end: what is kept of their words, in memory, on the disk and in replies."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock import excerpt
from paddock.core.model import Cause, InstanceId
from paddock.errors import LoadFailed
from paddock.llama.placement_log import PlacementReader
from tests.yard import Yard, places, process, wrapper, yard

_LONG = "line=$(head -c 60000 /dev/zero | tr '\\0' x)"
_LETTERS = 60_000


def shouting(tmp_path: Path, models: Path, body: str):
    engine = wrapper(tmp_path / "shouts", f"{_LONG}\n{body}")
    conf = f"[loud]\nmodel = alpha.gguf\nengine = {engine}\n[plain]\nmodel = alpha.gguf\n"
    return msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=models)


def fails(where: str) -> str:
    """Twenty-five lines of 60 KB, then its end."""
    lines = f'for n in {" ".join(map(str, range(25)))}; do echo "error: $n $line" {where}; done'
    return f"{lines}\nexit 7"


async def sizes(home: Yard) -> dict[str, int]:
    """Bytes of what a client can get that quotes the engine, and of what is kept for readers."""
    found = {}
    for path in ("/status", "/v1/models", "/models", "/history/loud", "/profiles/loud"):
        async with home.http.get(home.url + path) as reply:
            found[path] = len(await reply.read())
    found["bus"] = sum(len(msgspec.json.encode(e)) for e, _ in home.daemon.bus._ring.events)
    return found


@pytest.mark.parametrize("where", [">&2", ">&1"])
async def test_one_that_fails_with_endless_lines_is_quoted_briefly(
    tmp_path: Path, models: Path, where: str
):
    async with yard(shouting(tmp_path, models, fails(where))) as home:
        status, reply = await home.ask("loud")
        assert status == 400
        assert len(str(reply)) < 12_000
        if where == ">&2":
            assert "exited with code 7: error: 0 xxx" in reply["error"]["message"]
            assert "characters left out" in reply["error"]["message"], "a cut line says so"
            assert reply["error"]["log"][-1].startswith("error: 24 xxx")
        _, again = await home.post("/switch", {"model": "loud"})
        assert len(str(again)) < 12_000


async def test_many_failures_leave_no_more_than_one(tmp_path: Path, models: Path):
    async with yard(shouting(tmp_path, models, fails(">&2"))) as home:
        await home.post("/switch", {"model": "loud"})
        first = await sizes(home)
        for _ in range(15):
            await home.post("/switch", {"model": "loud"})
        last = await sizes(home)
        assert last["/v1/models"] - first["/v1/models"] < 1000
        assert last["/history/loud"] < 16 * 4000
        assert last["bus"] < 16 * 40_000
        assert max(last.values()) < 300_000


async def test_a_flood_while_it_serves_stays_bounded_and_others_are_answered(
    tmp_path: Path, models: Path
):
    body = '(while echo "$line" >&2 && echo "$line"; do :; done) &\nflood=$!\n'
    body += 'trap "kill $flood" EXIT\nreal "$@"\nexit 0'
    paths = shouting(tmp_path, models, body)
    async with yard(paths, log_size=1) as home:
        assert await home.answer("plain") == "I am alpha."
        await home.post("/switch", {"model": "loud", "wait": False})
        seen: list[int] = []
        async with asyncio.timeout(60):
            while len(seen) < 30:
                assert await home.answer("plain") == "I am alpha.", "while the other one shouts"
                seen.append(size_on_disk(paths.state_dir / "instances"))
        assert max(seen) < 40 << 20
        await home.post("/unload", {"now": True})
        await home.post("/cancel", {})


def size_on_disk(folder: Path) -> int:
    found = 0
    for file in folder.rglob("*"):
        try:
            found += file.stat().st_size if file.is_file() else 0
        except OSError:  # it was replaced just now
            continue
    return found


async def test_a_client_that_names_what_there_is_not_is_quoted_briefly(
    tmp_path: Path, models: Path
):
    async with yard(shouting(tmp_path, models, "")) as home:
        status, reply = await home.ask("n" * 1_000_000)
        assert status == 400, "no model has such a name"
        assert len(str(reply)) < 6000
        status, reply = await home.ask("n" * 1_000)
        assert status == 404
        assert len(str(reply)) < 6000


# ---- excerpts ----


@given(st.text(max_size=5000), st.integers(60, 3000))
def test_a_line_is_whole_or_says_how_much_of_it_is_missing(text: str, most: int):
    cut = excerpt.line(text, most)
    assert len(cut) <= most
    if cut != text:
        head, _, rest = cut.partition(" … (")
        number, _, tail = rest.partition(" characters left out) … ")
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) + len(tail) + int(number.replace(",", "")) == len(text)


@given(st.lists(st.text(max_size=3000), max_size=60), st.integers(1, 30), st.integers(0, 9000))
def test_the_last_lines_are_the_last_and_few_and_short(lines: list[str], count: int, most: int):
    kept = excerpt.last(lines, count, most)
    assert len(kept) <= count
    assert sum(map(len, kept)) <= most
    assert list(kept) == [excerpt.line(text) for text in lines[len(lines) - len(kept) :]]


@given(st.lists(st.text(max_size=3000), max_size=200))
def test_the_first_lines_are_followed_by_the_number_of_the_others(lines: list[str]):
    kept = excerpt.first(lines, 10_000)
    assert sum(map(len, kept)) <= 10_100
    if len(kept) < len(lines) or (lines and kept[-1] != excerpt.line(lines[-1])):
        assert kept[-1] == f"… and {len(lines) - len(kept) + 1:,} lines more"


@given(st.text(), st.text(), st.lists(st.text(max_size=200), max_size=50), st.integers(1, 2000))
def test_no_cause_and_no_error_is_longer_than_a_page(message, hint, log, times):
    cause = Cause("x", message * times, hint * times, log=tuple(line * times for line in log))
    assert len(cause.message) <= 2000
    assert sum(map(len, cause.log)) <= 4000
    error = LoadFailed(message * times, hint=hint * times, detail=tuple(log * times))
    assert len(str(error)) + len(error.hint) + sum(map(len, error.detail)) <= 21_000


_NOISE: Any = st.sampled_from(
    [
        "load_tensors: {name} model buffer size = {n}.00 MiB",
        "llama_kv_cache: {name} KV buffer size = {n}.00 MiB",
        "using device {name} ({name}) (0000:00:0{d}.0) - {n} MiB free",
        "load_tensors: loading model tensors",
        "llama_context: constructing llama_context",
        "common_params_fit_impl:   - {name}: 5 layers ( {n} overflowing)",
        "common_fit_params: failed to fit {name}",
        "load_tensors: RPC{name}[x] model buffer size = 1.00 MiB",
    ]
)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(_NOISE, st.integers(0, 99), st.integers(1, 9_000)), max_size=60))
def test_an_engine_that_never_stops_naming_devices_fills_no_memory(lines):
    reader = PlacementReader()
    for number, (line, digit, length) in enumerate(lines * 20):
        name = f"D{number}" + "x" * length
        reader.feed(line.format(name=name, n=number % 1000, d=digit % 10))
    assert len(msgspec.json.encode(reader.placement)) < 600_000
    assert len(reader.devices) <= 64


async def test_one_that_shouted_for_long_is_taken_over_all_the_same(tmp_path: Path, models: Path):
    paths = shouting(tmp_path, models, "")
    noise = (b"x" * 60_000 + b"\n") * 500  # 30 MB, of its log and of its standard output
    with process(paths) as first:
        async with aiohttp.ClientSession() as http:
            before = Yard(first.url, http, paths)
            assert await before.answer("plain") == "I am alpha."
            [known] = (await before.status()).instances
            await before.post("/shutdown", {"keep": True})
        assert await asyncio.to_thread(first.popen.wait, 30) == 0
        for name in ("log", "state"):
            with (paths.state_dir / "instances" / "1" / name).open("ab") as out:
                out.write(noise)
        async with yard(paths) as after:
            [adopted] = (await after.status()).instances
            assert (adopted.pid, adopted.phase, adopted.adopted) == (known.pid, "ready", True)
            assert adopted.placement == known.placement
            live = after.daemon.parts.registry[InstanceId(adopted.id)]
            assert sum(map(len, live.output.tail)) <= 64_000
            assert await after.answer("plain") == "I am alpha."
            await after.post("/unload", {})
            await after.until(lambda s: not s.instances)
            assert size_on_disk(paths.state_dir / "instances") < 2 * 4 * (4 << 20)
