"""What a pull would fetch and what that would be here, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paddock.cli.output.plan_sheet import print_plan
from paddock.cli.output.terminal import harmless, paint, print_table
from paddock.config.claims import billions
from paddock.figures.units import count, mib, speed

if TYPE_CHECKING:
    from paddock.cli.offline.pulling import PullPlan
    from paddock.hub.proposal import Contender

_MIB = 1 << 20
_FITS = {
    "gpu": "all of it on the GPU",
    "ram": "all of it in RAM",
    "part": "partly in RAM",
    "no": "does not fit",
}


def print_pull(plan: PullPlan) -> None:
    """Facts, the quantisations around the chosen one, where it would lie, and what it costs."""
    chosen, repository = plan.chosen, plan.proposal.repository
    print(
        harmless(
            f"{paint(str(repository.name.repository), 'bold')} at {repository.commit[:12]}: {_facts(chosen)}"
        )
    )
    print()
    rows = [_row(one, chosen) for one in plan.proposal.near]
    print_table(["", "QUANT", "FETCHED", "FITS", "CONTEXT", "ON DEVICES", "IN RAM"], rows)
    others = len(plan.proposal.candidates) - len(rows)
    if others > 0:
        named = ", ".join(one.offer.quantisation for one in plan.proposal.candidates)
        print(harmless(paint(f"all {len(plan.proposal.candidates)}: {named}", "dim")))
    print()
    print_plan(chosen.plan)
    print()
    for line in _costs(plan):
        print(harmless(line))


def _facts(candidate: Contender) -> str:
    facts = candidate.facts
    kind = f"MoE ({facts.experts_used} of {facts.experts} experts)" if facts.experts else "dense"
    words = [facts.name, facts.architecture, kind, count(facts.n_layers, "layer")]
    if facts.n_params:
        words.insert(3, f"{billions(facts.n_params)} parameters")
    if facts.n_ctx_train:
        words.append(f"trained with {facts.n_ctx_train:,} tokens of context")
    return ", ".join(filter(None, words))


def _row(candidate: Contender, chosen: Contender) -> list[str]:
    devices = [device for device in candidate.plan.devices if device.device != "Host"]
    host = candidate.plan.device("Host")
    by_size = "" if candidate.is_read else " (by size)"
    return [
        "→" if candidate is chosen else "",
        candidate.offer.quantisation,
        mib(candidate.size / _MIB),
        _FITS[candidate.fit] + by_size,
        f"{candidate.context.tokens:,}",
        ", ".join(f"{mib(d.total)} {d.device}" for d in devices if d.total),
        mib(host.total) if host else "",
    ]


def _costs(plan: PullPlan) -> list[str]:
    left, free = plan.transfer.left(), plan.transfer.disk.free()
    whole = plan.chosen.size
    here = f" ({mib((whole - left) / _MIB)} of it are here)" if left < whole else ""
    files = count(len(plan.chosen.files), "file")
    lines = [
        f"to fetch: {mib(left / _MIB)} in {files}{here}; the disk has {mib(free / _MIB)} free",
        f"into: {plan.transfer.place.final(plan.chosen.offer.first).parent}",
    ]
    if plan.chosen.projector:
        lines.append(f"with its projector, {plan.chosen.projector.path}")
    if drafts := [one.first.path for one in plan.proposal.repository.drafts]:
        lines.append(f"draft models in it, fetched by their names: {', '.join(drafts)}")
    if plan.leavers is None:
        lines.append("no daemon answers: what it would push out is unknown")
    else:
        lines.append(f"it would push out: {', '.join(plan.leavers) or 'nobody'}")
    if plan.speed:
        reckoned = count(plan.speed.models, "model")
        lines.append(f"speed: about {speed(plan.speed.speed)}, by {reckoned} measured here")
    else:
        lines.append("speed: unknown, no model that lies like it was measured here")
    return lines


def pull_as_json(plan: PullPlan) -> dict[str, Any]:
    """The same for programs: bytes, tokens."""
    repository = plan.proposal.repository
    return {
        "repository": repository.name.repository,
        "revision": repository.name.revision,
        "commit": repository.commit,
        "about": _facts(plan.chosen),
        "chosen": plan.chosen.offer.quantisation,
        "source": str(plan.source),
        "quantisations": [_candidate(one) for one in plan.proposal.candidates],
        "drafts": [one.first.path for one in repository.drafts],
        "left_out": [{"path": path, "why": why} for path, why in repository.left_out],
        "plan": plan.chosen.plan,
        "bytes_left": plan.transfer.left(),
        "disk_free": plan.transfer.disk.free(),
        "disk_margin": plan.transfer.disk.margin,
        "into": str(plan.transfer.place.final(plan.chosen.offer.first).parent),
        "pushes_out": None if plan.leavers is None else list(plan.leavers),
        "expected_speed": plan.speed.speed if plan.speed else None,
    }


def _candidate(one: Contender) -> dict[str, Any]:
    return {
        "quantisation": one.offer.quantisation,
        "files": [file.path for file in one.files],
        "bytes": one.size,
        "fit": one.fit,
        "context": one.context.tokens,
        "context_reason": one.context.reason,
        "header_read": one.is_read,
        "mib": {device.device: device.total for device in one.plan.devices},
    }
