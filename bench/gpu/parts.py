"""What is measured: a table each. `unequal` needs two cards."""

import time
from pathlib import Path
from typing import Any

from home import home
from machine import Cards, hog
from tables import found, held, shown, speeds, sums, table


async def truth(folder: Path, engine: Path, cards: Cards) -> None:
    """Plan against what was loaded, one profile after the other on free cards."""
    conf = "".join(
        f"[{name}-{ctx or 'auto'}]\nmodel = {name}.gguf\n" + (f"ctx-size = {ctx}\n" if ctx else "")
        for name, ctx in (("a8", 8192), ("a8", 131072), ("b32", 8192), ("x30", 16384), ("x30", 0))
    )
    rows = []
    async with home(folder, engine, conf) as place:
        for profile in [p["id"] for p in (await place.get("/models"))["data"]]:
            plan = await place.get(f"/plans/{profile}")
            instance = await place.load(profile)
            rows.append(
                [
                    profile, f"{plan['seconds']:.1f} s", shown(sums(plan)), shown(held(instance)),
                    shown(dict(enumerate(cards.held_by(instance["pid"])))),
                    f"{plan.get('graph_splits')} / {instance['placement'].get('graph_splits')}",
                    f"{instance['load_seconds']:.1f} s", speeds(instance),
                    instance["verdict"]["state"],
                ]
            )  # fmt: skip
            await place.empty()
    print("### Plan against truth\n")
    table(
        ["profile", "planning", "planned MiB", "reported MiB", "driver's MiB by GPU",
         "splits planned / real", "load", "prompt / generation t/s", "verdict"],
        rows,
    )  # fmt: skip


async def together(folder: Path, engine: Path, cards: Cards) -> None:
    """Two that fit live together; a third makes the cheaper one leave. On one card."""
    room = cards.free(0)
    conf = "device = CUDA0\n" + "".join(
        f"[{name}]\nmodel = {model}.gguf\nctx-size = {ctx}\n"
        for name, model, ctx in (("first", "a8", 16384), ("second", "b32", 16384), ("third", "x30", 16384))
    )  # fmt: skip
    rows = []
    async with home(folder, engine, conf) as place:
        plans = [await place.get(f"/plans/{name}") for name in ("first", "second", "third")]
        needs = [sum(sums(plan)[d] for d in sums(plan) if d != "Host") + 600 for plan in plans]
        spare = room - needs[0] - needs[1] - 1024 - needs[2] // 2  # the third no longer fits beside
        with hog(0, spare):
            await place.empty()
            for _ in range(5):
                for name in ("first", "second"):
                    await place.ask(name)
            status = await place.get("/status")
            rows.append(["A and B by turns, 10 requests", _resident(status), _loads(status)])
            await place.ask("third")
            status = await place.get("/status")
            rows.append(["then C", _resident(status), _loads(status)])
    print(f"### Two together, a third evicts (another program holds {max(spare, 0):,} MiB)\n")
    print(
        f"Planned with the driver's share: A {needs[0]:,}, B {needs[1]:,}, C {needs[2]:,} MiB of {room:,}.\n"
    )
    table(["requests", "resident afterwards", "loads so far"], rows)


def _resident(status: dict[str, Any]) -> str:
    return ", ".join(instance["profile"] for instance in status["instances"])


def _loads(status: dict[str, Any]) -> int:
    return max((int(i["id"].rsplit(".", 1)[1]) for i in status["instances"]), default=0)


async def pressure(folder: Path, engine: Path, cards: Cards) -> None:
    """Another program takes memory: what is planned, what comes, and what is said of it."""
    conf = "device = CUDA0\n" + "".join(
        f"[{name}]\nmodel = {model}.gguf\nctx-size = {ctx}\n{more}"
        for name, model, ctx, more in (
            ("b32", "b32", 8192, ""),
            ("x30", "x30", 8192, ""),
            ("b32-ngl-99", "b32", 8192, "n-gpu-layers = 99\n"),
        )
    )
    rows = []
    async with home(folder, engine, conf) as place:
        for name in ("b32", "x30"):
            before = await place.load(name)
            rows.append([name, "nothing", "", shown(held(before)), speeds(before), found(before)])
            await place.empty()
        with hog(0, cards.free(0) - 13000):
            for name in ("b32", "x30"):
                plan = await place.get(f"/plans/{name}")
                after = await place.load(name)
                said = "; ".join([*plan.get("notes", []), *plan.get("warnings", [])])
                rows.append(
                    [name, "all but 13,000 MiB", f"{shown(sums(plan))}: {said}",
                     shown(held(after)), speeds(after), found(after)]
                )  # fmt: skip
                await place.empty()
            trap = await place.get("/plans/b32-ngl-99")
            began = time.monotonic()
            status, reply = await place.ask("b32-ngl-99")
            took = time.monotonic() - began
            refusal = reply.get("error", {}).get("message", "")
    print("### Another program takes memory\n")
    table(
        [
            "profile",
            "taken",
            "planned MiB and words",
            "reported MiB",
            "prompt / generation t/s",
            "found",
        ],
        rows,
    )
    print(
        f"`-ngl 99` there: planned `fits: {trap['fits']}` ({'; '.join(trap.get('warnings', []))}); "
    )
    print(f"a request got {status} after {took * 1000:.0f} ms: {refusal}\n", flush=True)


async def unequal(folder: Path, engine: Path, cards: Cards) -> None:
    """Two cards of which one is nearly full: one margin for both against a list."""
    conf = "".join(
        f"[x30-{margin.replace(',', '-')}]\nmodel = x30.gguf\nctx-size = 32768\nfit-target = {margin}\n"
        for margin in ("1024", "3072", "256,3072", "256,1024")
    )
    rows = []
    with hog(0, cards.free(0) - 18000), hog(1, cards.free(1) - 12000):
        async with home(folder, engine, conf) as place:
            for profile in [p["id"] for p in (await place.get("/models"))["data"]]:
                plan = await place.get(f"/plans/{profile}")
                instance = await place.load(profile)
                rows.append(
                    [profile.removeprefix("x30-"), shown(sums(plan)), shown(held(instance)),
                     plan.get("experts_in_ram", 0), instance["placement"].get("graph_splits"),
                     speeds(instance), found(instance)]
                )  # fmt: skip
                await place.empty()
    print("### Unequal GPUs: x30, 18,000 and 12,000 MiB left\n")
    table(
        ["margins", "planned MiB", "reported MiB", "expert layers in RAM", "splits",
         "prompt / generation t/s", "found"],
        rows,
    )  # fmt: skip
