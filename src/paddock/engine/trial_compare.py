"""What a trial means: which build is safe, and what changed from one to the other. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from paddock.api.placement import Placement
from paddock.engine.trial import CaseOutcome, TrialAnswer
from paddock.engine.trial_cases import Question, TrialCase
from paddock.llama.backends import backends, named

Judgement = Literal["ok", "changed", "worse", "failed"]
_SLOWER = 0.8  # of the other's speed; less is worse (of profiles only; small models say nothing about speed)
_MIB, _SHARE = 16, 0.05  # by how much a device's memory may differ and still be the same
_ALIKE = 0.99  # cosine of two embeddings of the same words


@dataclass(frozen=True, slots=True)
class TrialFinding:
    """One thing that was compared."""

    case: str
    what: str
    judgement: Judgement
    now: str  # on the engine that is tried
    before: str = ""  # on the one that it is compared with

    @property
    def is_unsafe(self) -> bool:
        return self.judgement in ("worse", "failed")


def findings(
    cases: Sequence[TrialCase], tried: Sequence[CaseOutcome], other: Sequence[CaseOutcome] = ()
) -> list[TrialFinding]:
    """All comparisons, case by case."""
    found: list[TrialFinding] = []
    for case, now, before in zip_longest(cases, tried, other):
        found += _of_case(case, now, before)
    return found


def is_safe(found: Sequence[TrialFinding]) -> bool:
    return bool(found) and not any(finding.is_unsafe for finding in found)


def _of_case(
    case: TrialCase, now: CaseOutcome, before: CaseOutcome | None
) -> Iterator[TrialFinding]:
    if now.failure and not now.answers:
        yield TrialFinding(case.name, "load", "failed", now.failure, _load_text(before))
        return
    yield TrialFinding(case.name, "load", "ok", _load_text(now), _load_text(before))
    for question in case.questions:
        answer = now.answers.get(question, TrialAnswer(failure=now.failure or "it was not asked"))
        other = before.answers.get(question) if before else None
        yield _of_answer(case, question, answer, other)
    if now.failure:
        yield TrialFinding(case.name, "process", "failed", now.failure)
    if before and not before.failure:
        yield from _of_lying(case, now, before)


def _load_text(outcome: CaseOutcome | None) -> str:
    if outcome is None:
        return ""
    return f"{outcome.seconds:.1f} s" if outcome.seconds is not None else outcome.failure


def _of_answer(
    case: TrialCase, question: Question, now: TrialAnswer, before: TrialAnswer | None
) -> TrialFinding:
    then = (before.failure or before.text) if before else ""
    judgement: Judgement = "ok"
    if now.failure:
        judgement = "failed"
    elif case.says and now.text != case.says:
        judgement = "failed"
        then = then or f"(it should say {case.says!r})"
    elif before and not before.failure and not _is_same(now, before):
        judgement = "changed"
    return TrialFinding(case.name, question, judgement, now.failure or now.text, then)


def _is_same(now: TrialAnswer, before: TrialAnswer) -> bool:
    if now.vector and len(now.vector) == len(before.vector):
        return _cosine(now.vector, before.vector) >= _ALIKE
    return now.text == before.text


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / (math.hypot(*a) * math.hypot(*b))


def _of_lying(case: TrialCase, now: CaseOutcome, before: CaseOutcome) -> Iterator[TrialFinding]:
    """Where it lies and how fast it is. With other backends the splits, layers and MiB are others by
    nature, and a speed says which device is the faster one, not that the build is worse."""
    computing, then = backends(now.placement), backends(before.placement)
    if is_alike := computing == then:
        yield from _of_placement(case.name, now.placement, before.placement)
    else:
        yield TrialFinding(case.name, "computes with", "changed", named(computing), named(then))
    if case.is_own:
        yield from _of_speed(case, now, before, slower="worse" if is_alike else "changed")


def _of_placement(case: str, now: Placement, before: Placement) -> Iterator[TrialFinding]:
    for what, new, old in (
        ("graph splits", now.graph_splits, before.graph_splits),
        ("layers in RAM", now.layers_overflowing, before.layers_overflowing),
    ):
        if (new or 0) != (old or 0):
            judgement: Judgement = "worse" if (new or 0) > (old or 0) else "changed"
            yield TrialFinding(case, what, judgement, str(new or 0), str(old or 0))
    if None not in (now.layers_offloaded, before.layers_offloaded):
        yield from _of_layers(case, now.layers_offloaded or 0, before.layers_offloaded or 0)
    yield from _of_memory(case, _by_device(now), _by_device(before))


def _of_layers(case: str, now: int, before: int) -> Iterator[TrialFinding]:
    if now != before:
        judgement: Judgement = "worse" if now < before else "changed"
        yield TrialFinding(case, "layers on devices", judgement, str(now), str(before))


def _by_device(placement: Placement) -> dict[str, float]:
    sums: dict[str, float] = {}
    for buffer in placement.buffers:
        sums[buffer.device] = sums.get(buffer.device, 0.0) + buffer.mib
    return sums


def _of_memory(
    case: str, now: dict[str, float], before: dict[str, float]
) -> Iterator[TrialFinding]:
    for device in dict.fromkeys([*before, *now]):
        new, old = now.get(device, 0.0), before.get(device, 0.0)
        if abs(new - old) > max(_MIB, _SHARE * old):
            yield TrialFinding(case, device, "changed", f"{new:.0f} MiB", f"{old:.0f} MiB")


def _of_speed(
    case: TrialCase, now: CaseOutcome, before: CaseOutcome, *, slower: Judgement
) -> Iterator[TrialFinding]:
    for what, question, name in (
        ("prompt", case.questions[-1], "prompt_speed"),
        ("generation", case.questions[0], "speed"),
    ):
        new, old = _speed(now, question, name), _speed(before, question, name)
        if new and old:
            judgement = slower if new < _SLOWER * old else "ok"
            yield TrialFinding(
                case.name, f"{what} speed", judgement, f"{new:.1f} t/s", f"{old:.1f} t/s"
            )


def _speed(outcome: CaseOutcome, question: Question, name: str) -> float | None:
    found: float | None = getattr(outcome.answers.get(question), name, None)
    return found
