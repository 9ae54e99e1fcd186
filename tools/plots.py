"""Draws the aims of docs/benchmarks.md beside what was measured, a plot for each, as SVG.

    python tools/plots.py      from bench/results/aims.json into docs/pictures/aim-NAME.svg

A bar for each contender, and a line where the aim is. `aim` times the value of `over` is the aim; `or_more`
is what may be added to that value instead, where it comes to more.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS, PICTURES = ROOT / "bench" / "results" / "aims.json", ROOT / "docs" / "pictures"
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 720, 110, 120, 62, 30
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"
     font-family="system-ui, sans-serif" font-size="13" fill="#24292f">
<title>{title}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="14" y="24" font-size="15" font-weight="600">{title}</text>
"""


def main() -> None:
    for measure in json.loads(RESULTS.read_text()):
        (PICTURES / f"aim-{measure['name']}.svg").write_text(drawn(measure), encoding="utf-8")


def limit(measure: dict[str, Any]) -> float:
    """The value that the aim allows at most."""
    base = float(measure["values"][measure["over"]])
    return max(base * measure["aim"], base + measure.get("or_more", float("-inf")))


def drawn(measure: dict[str, Any]) -> str:
    values, most = measure["values"], limit(measure)
    height = _TOP + _ROW * len(values) + 34
    scale = (_WIDTH - _LEFT - _RIGHT) / max(*values.values(), most)
    at, end = _LEFT + most * scale, _TOP + _ROW * len(values)
    lines = [_HEAD.format(width=_WIDTH, height=height, title=escape(measure["title"]))]
    lines += [
        f'<line x1="{at:.1f}" y1="{_TOP - 6}" x2="{at:.1f}" y2="{end}" stroke="#24292f" stroke-dasharray="4 3"/>\n',
        f'<text x="{at:.1f}" y="{_TOP - 11}" text-anchor="{_anchor(at)}">{escape(_aim(measure))}</text>\n',
        *(
            _bar(name, value, _TOP + number * _ROW, value * scale, most)
            for number, (name, value) in enumerate(values.items())
        ),
        f'<text x="14" y="{height - 12}" font-size="11" fill="#57606a">{escape(measure["from"])}</text>\n</svg>\n',
    ]
    return "".join(lines)


def _bar(name: str, value: float, y: int, length: float, most: float) -> str:
    """Ours in colour: whether it is within the aim also stands behind it in words."""
    is_ours = name == "Paddock"
    colour = ("#1a7f37" if value <= most else "#bc4c00") if is_ours else "#afb8c1"
    verdict = (", met" if value <= most else ", missed") if is_ours else ""
    return (
        f'<text x="{_LEFT - 10}" y="{y + 16}" text-anchor="end">{escape(name)}</text>\n'
        f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_ROW - 9}" rx="2" fill="{colour}" fill-opacity="0.75"/>\n'
        f'<text x="{_LEFT + length + 7:.1f}" y="{y + 16}" stroke="#ffffff" stroke-width="4" paint-order="stroke">{value:g}{verdict}</text>\n'
    )


def _aim(measure: dict[str, Any]) -> str:
    added = measure.get("or_more")
    base = f"{measure['aim']:g} of {measure['over']}"
    return f"aim: {base}, or {added * 1000:g} ms more" if added else f"aim: {base}"


def _anchor(at: float) -> str:
    return "start" if at < _WIDTH / 2 else "end"


if __name__ == "__main__":
    main()
