"""Plans, instances and verdicts as cells of Markdown tables."""

from typing import Any


def table(headers: list[str], rows: list[list[Any]]) -> None:
    print("| " + " | ".join(headers) + " |")
    print("|" + "---|" * len(headers))
    for row in rows:
        print("| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |")
    print(flush=True)


def sums(plan: dict[str, Any]) -> dict[str, int]:
    """MiB of llama.cpp's own buffers that a plan has for each device."""
    return {
        d["device"]: d.get("model", 0) + d.get("context", 0) + d.get("compute", 0)
        for d in plan["devices"]
    }


def held(instance: dict[str, Any]) -> dict[str, float]:
    """MiB of buffers that an instance reported for each device."""
    found: dict[str, float] = {}
    for buffer in instance["placement"]["buffers"]:
        found[buffer["device"]] = found.get(buffer["device"], 0.0) + buffer["mib"]
    return found


def shown(sizes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {mib:,.0f}" for name, mib in sizes.items() if round(mib))


def speeds(instance: dict[str, Any]) -> str:
    verdict = instance["verdict"]
    return f"{verdict.get('prompt') or 0:,.0f} / {verdict.get('generation') or 0:.1f}"


def found(instance: dict[str, Any]) -> str:
    verdict = instance["verdict"]
    reasons = "; ".join(r["message"] for r in verdict.get("reasons", []))
    return verdict["state"] + (f": {reasons}" if reasons else "")
