"""Plots of a run as SVG: lines over depth with their ranges, and bars. Pure, and sized by its viewBox."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log2, log10

from paddock.api.bench import Spread

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 36
_BAR = 22  # height of one


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its points by depth."""

    name: str
    points: Sequence[tuple[int, Spread]]
    colour: int = 0  # one for each profile
    is_before: bool = False  # drawn dashed


@dataclass(frozen=True, slots=True)
class PlottedBar:
    """One bar, of parts laid end to end."""

    name: str
    parts: Sequence[tuple[str, float]]


def over_depth(lines: Sequence[Line], unit: str) -> str:
    """Lines over depth, which is drawn by its logarithm; each point with its range. Empty without points."""
    depths = [depth for line in lines for depth, _ in line.points]
    if not depths:
        return ""
    step, top = _scale(max(s.high for line in lines for _, s in line.points))
    across = _Across(min(depths), max(depths))
    parts = [_grid(step, top, unit), *(_tick(across, depth) for depth in sorted(set(depths)))]
    parts += [_line(line, across, top, unit) for line in lines]
    return _svg(_HEIGHT, parts) + _legend(
        [(line.name, line.colour, line.is_before) for line in lines]
    )


def bars(found: Sequence[PlottedBar], unit: str) -> str:
    """Bars under one another, each with its sum. Empty without one."""
    longest = max((sum(value for _, value in bar.parts) for bar in found), default=0.0)
    if not longest:
        return ""
    kinds = list(dict.fromkeys(kind for bar in found for kind, _ in bar.parts))
    rows = [_bar(bar, n, longest, kinds, unit) for n, bar in enumerate(found)]
    legend = _legend([(kind, n, False) for n, kind in enumerate(kinds)]) if len(kinds) > 1 else ""
    return _svg(len(found) * (_BAR + 8) + 8, rows) + legend


class _Across:
    """Where a depth lies from left to right."""

    def __init__(self, least: int, most: int) -> None:
        self._least = log2(least)
        self._span = log2(most) - self._least

    def __call__(self, depth: int) -> float:
        share = (log2(depth) - self._least) / self._span if self._span else 0.5
        return _LEFT + 10 + share * (_WIDTH - _LEFT - _RIGHT - 20)


def _scale(most: float) -> tuple[float, float]:
    """A round step, and the top of the scale: about five steps."""
    raw = max(most, 1e-9) / 5
    power = 10.0 ** floor(log10(raw))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= raw)
    return step, step * (floor(most / step) + 1)


def _up(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)


def _grid(step: float, top: float, unit: str) -> str:
    found = []
    for number in range(round(top / step) + 1):
        y = _up(number * step, top)
        found.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        found.append(f'<text class="y" x="{_LEFT - 6}" y="{y + 4:.1f}">{number * step:g}</text>')
    found.append(f'<text class="y" x="{_LEFT - 6}" y="{_HEIGHT - 8}">{escape(unit)}</text>')
    return "".join(found)


def _tick(across: _Across, depth: int) -> str:
    name = f"{depth / 1024:g}k" if depth >= 1024 and depth % 512 == 0 else str(depth)
    return f'<text class="x" x="{across(depth):.1f}" y="{_HEIGHT - 14}">{name}</text>'


def _line(line: Line, across: _Across, top: float, unit: str) -> str:
    places = [(across(d), _up(s.median, top), d, s) for d, s in line.points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _, _ in places)
    dashed = " before" if line.is_before else ""
    drawn = [f'<path class="line c{line.colour % 8}{dashed}" d="M{path}"/>']
    for x, y, depth, found in places:
        low, high = _up(found.low, top), _up(found.high, top)
        title = f"{line.name}, {depth:,} tokens: {found.median:.4g} {unit} ({found.low:.4g} to {found.high:.4g})"
        drawn.append(
            f'<g class="point c{line.colour % 8}"><title>{escape(title)}</title>'
            f'<path d="M{x:.1f} {low:.1f}V{high:.1f}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="4"/></g>'
        )
    return "".join(drawn)


def _bar(bar: PlottedBar, number: int, longest: float, kinds: Sequence[str], unit: str) -> str:
    y, x = 8 + number * (_BAR + 8), 210.0
    found = [f'<text class="y" x="202" y="{y + 15}">{escape(bar.name)}</text>']
    for kind, value in bar.parts:
        width = value / longest * (_WIDTH - 210 - 110)
        title = escape(f"{bar.name}, {kind}: {value:,.4g} {unit}")
        found.append(
            f'<rect class="c{kinds.index(kind) % 8}" x="{x:.1f}" y="{y}" width="{width:.1f}"'
            f' height="{_BAR}"><title>{title}</title></rect>'
        )
        x += width
    total = sum(value for _, value in bar.parts)
    shown = f"{total:,.0f}" if total >= 100 else f"{total:.3g}"
    found.append(f'<text x="{x + 6:.1f}" y="{y + 15}">{shown} {escape(unit)}</text>')
    return "".join(found)


def _svg(height: int, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{"".join(parts)}</svg>'


def _legend(names: Sequence[tuple[str, int, bool]]) -> str:
    marks = "".join(
        f'<span><i class="c{n % 8}{" before" if is_before else ""}"></i>{escape(name)}</span>'
        for name, n, is_before in names
    )
    return f'<p class="legend">{marks}</p>'
