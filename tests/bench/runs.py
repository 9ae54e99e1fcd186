"""Runs that were, for tests of what is made of them."""

from typing import Any

from paddock.api.bench import (
    BenchCircumstances,
    BenchedProfile,
    BenchLoad,
    BenchMemory,
    BenchRun,
    DepthFigures,
    Evaluation,
    FirstRequest,
    StreamFigures,
)
from paddock.bench.spread import spread_of


def depth(tokens: int, speed: float, scatter: float = 0.01) -> DepthFigures:
    """Generation at `speed`, prompts ten times as fast, both with this relative scatter."""
    around = [1 - scatter, 1.0, 1 + scatter]
    return DepthFigures(
        depth=tokens,
        first_token=spread_of([tokens / (10 * speed) * one for one in around]),
        prompt=spread_of([10 * speed * one for one in around]),
        generation=spread_of([speed * one for one in around]),
    )


def profile(name: str = "glm", speed: float = 50.0, **fields: Any) -> BenchedProfile:
    usual: dict[str, Any] = {
        "outcome": "done",
        "context": 8192,
        "slots": 2,
        "loads": [BenchLoad(seconds=12.5, cached=1.0)],
        "first": FirstRequest(depth=512, first_token=2.0, generation=20.0),
        "depths": [depth(512, speed), depth(4096, speed * 0.8)],
        "streams": [StreamFigures(streams=2, depth=512, generation=spread_of([80.0, 81.0, 82.0]))],
        "memory": [
            BenchMemory(device="CUDA0", planned=9000, placed=8900, used=9100, foreign=300),
            BenchMemory(device="Host", planned=700, placed=650),
        ],
        "layers": 49,
        "layers_offloaded": 49,
        "layers_overflowing": 3,
        "graph_splits": 8,
        "circumstances": BenchCircumstances(
            engine="native", engine_version="b1", devices="CUDA 13", args=["-ub", "512", "--mlock"]
        ),
        "evaluation": Evaluation(command="score <glm>", exit_code=0, seconds=3.0, score=0.84),
    }
    return BenchedProfile(profile=name, **usual | fields)


def run(number: int, *profiles: BenchedProfile) -> BenchRun:
    return BenchRun(
        id=number,
        begun_at=f"2026-11-{number:02}T10:00:00+00:00",
        outcome="done",
        seconds=60.0,
        busy_seconds=58.0,
        repeat=3,
        answer=64,
        profiles=list(profiles),
    )
