"""One profile in full: plan against placement, loads and speeds, its file's facts, its flags."""

import shlex
from collections.abc import Callable, Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from paddock.api.placement import DevicePlan, History, LoadEntry, Plan, Verdict
from paddock.api.profiles import FlagInfo, ProfileDetail
from paddock.api.types import InstanceInfo, ProfileInfo
from paddock.errors import PaddockError
from paddock.figures.sparkline import sparkline
from paddock.figures.units import mib, seconds, spared, speed
from paddock.tui.calls import DaemonCalls
from paddock.tui.detail_measured import measured_of
from paddock.tui.detail_switches import waterfall_of

_LOADS = 40
_SWITCHES = 5
_LAYERS_WIDE = 64  # cells of the picture of the layers


class Detail(Screen[None]):
    """Asks the daemon once, when it is opened."""

    BINDINGS = [Binding("escape,q,d", "leave", "Back"), Binding("r", "ask", "Refresh")]

    def __init__(
        self, daemon: DaemonCalls, profile: ProfileInfo, instance: InstanceInfo | None
    ) -> None:
        super().__init__()
        self._daemon, self._profile, self._instance = daemon, profile, instance

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="detail"):
            yield Static(_title(self._profile), id="detail-title")
            yield Static("asking for the plan …", id="detail-plan")
            yield Static("", id="detail-history")
            yield Static("", id="detail-switches")
            yield Static("", id="detail-measured")
            yield Static("", id="detail-facts")
            yield Static("", id="detail-flags")
        yield Footer()

    def on_mount(self) -> None:
        self.action_ask()

    @work(thread=True, exclusive=True, group="detail")
    def action_ask(self) -> None:
        name = self._profile.id
        try:
            full = self._daemon.profile(name)
            self.app.call_from_thread(self._show, "detail-facts", _facts(full))
            self.app.call_from_thread(self._show, "detail-flags", _flags(full.flags))
            history = self._daemon.history(name, _LOADS)
            self.app.call_from_thread(self._show, "detail-history", _history(history))
            switches = self._daemon.switches(name, _SWITCHES).switches
            self.app.call_from_thread(self._show, "detail-switches", waterfall_of(switches))
            measured = measured_of(self._daemon, name)
            self.app.call_from_thread(self._show, "detail-measured", measured)
            plan = self._daemon.plan(name)
            self.app.call_from_thread(self._show, "detail-plan", _placement(plan, self._instance))
        except PaddockError as error:
            self.app.call_from_thread(self._show, "detail-plan", Text(error.message, "red"))

    def _show(self, name: str, what: RenderableType) -> None:
        if self.is_mounted:
            self.query_one(f"#{name}", Static).update(what)

    def action_leave(self) -> None:
        self.dismiss(None)


def _title(profile: ProfileInfo) -> Text:
    text = Text.assemble((profile.id, "bold"), f"  {profile.title}")
    for line in (profile.description, ", ".join(profile.aliases)):
        if line:
            text.append(f"\n{line}", "dim")
    return text


# ---- plan and placement ----


def _placement(plan: Plan, instance: InstanceInfo | None) -> Group:
    held = _held(instance)
    table = Table(title="plan against placement", title_justify="left", box=None, padding=(0, 1))
    for name in (
        "device",
        "layers",
        "weights",
        "context",
        "compute",
        "planned",
        "holds",
        "of",
        "left",
    ):
        table.add_column(name, no_wrap=True, justify="left" if name == "device" else "right")
    for device in plan.devices:
        table.add_row(*map(Text, _device_cells(device, held)))
    parts: list[RenderableType] = [table, _layers(plan)]
    parts += [Text(f"  {note}", "dim") for note in plan.notes]
    parts += [Text(f"▲ {warning}", "yellow") for warning in plan.warnings]
    if instance and instance.verdict:
        parts.append(_verdict(instance.verdict))
    return Group(*parts)


def _held(instance: InstanceInfo | None) -> dict[str, float]:
    """MiB of llama.cpp's buffers by device, of the live instance."""
    sums: dict[str, float] = {}
    for buffer in instance.placement.buffers if instance and instance.placement else ():
        sums[buffer.device] = sums.get(buffer.device, 0.0) + buffer.mib
    return sums


def _device_cells(device: DevicePlan, held: dict[str, float]) -> list[str]:
    layers = f"{device.layers or ''}{f' ({device.overflowing})' if device.overflowing else ''}"
    planned = device.model + device.context + device.compute
    return [
        device.device,
        layers,
        mib(device.model),
        mib(device.context),
        mib(device.compute),
        mib(planned),
        mib(held.get(device.device)),
        mib(device.available),
        mib(device.left),
    ]


def _layers(plan: Plan) -> Text:
    """The layers, first to last, over the devices that hold them; RAM comes first in llama.cpp."""
    if not plan.layers:
        return Text("")
    order = [
        *[d for d in plan.devices if d.id == "host"],
        *[d for d in plan.devices if d.id != "host"],
    ]
    text = Text("layers ▕", "bold")
    for number, device in enumerate(order):
        cells = round((device.layers or 0) / plan.layers * _LAYERS_WIDE)
        fill = "▒" if device.id == "host" else "█▓"[number % 2]
        text.append(
            fill * cells, "magenta" if device.id == "host" else ("green", "cyan")[number % 2]
        )
    text.append("▏ ")
    text.append(", ".join(f"{d.device} {d.layers}" for d in order if d.layers))
    if plan.experts_in_ram:
        text.append(f"; experts of {plan.experts_in_ram} in RAM", "yellow")
    return text


def _verdict(found: Verdict) -> Text:
    symbol = {"verified": "✓", "degraded": "▲", "unknown": "?"}[found.state]
    text = Text(f"{symbol} {found.state}", "green" if found.state == "verified" else "yellow")
    for reason in found.reasons:
        text.append(f"\n  {reason.message}")
        if reason.hint:
            text.append(f" ({reason.hint})", "dim")
    return text


# ---- history ----


def _history(history: History) -> Group | Text:
    loads = [load for load in history.loads if load.outcome]
    if not loads:
        return Text("\nit has not been loaded yet", "dim")
    oldest_first = loads[::-1]
    lines: list[RenderableType] = [Text("\nloads, oldest to newest", "bold")]
    lines += _plot("speed", [load.generation for load in oldest_first], speed)
    lines += _plot("loads in", [_took(load) for load in oldest_first], seconds)
    table = Table(box=None, padding=(0, 1))
    for name in ("when", "outcome", "took", "context", "speed", "splits", "verdict"):
        table.add_column(name)
    for load in loads[:8]:
        table.add_row(*map(Text, _load_cells(load)))
    if (kept := history.context) and kept.times:
        words = spared(kept.tokens, kept.seconds, kept.times)
        lines.append(Text(f"kept contexts: {words}", "dim"))
    return Group(*lines, table)


def _took(load: LoadEntry) -> float | None:
    return load.seconds if load.outcome == "ready" else None


def _plot(title: str, values: Sequence[float | None], words: "Words") -> list[Text]:
    known = [value for value in values if value is not None]
    if not known:
        return []
    span = f"  {words(min(known))} to {words(max(known))}"
    return [Text.assemble(f"{title:<9}", (sparkline(values), "cyan"), (span, "dim"))]


Words = Callable[[float | None], str]


def _load_cells(load: LoadEntry) -> list[str]:
    placement, verdict = load.placement, load.verdict
    why = f": {verdict.reasons[0].message}" if verdict and verdict.reasons else ""
    return [
        load.ended_at[:19].replace("T", " "),
        f"{load.outcome}, replayed" if placement and placement.replayed else load.outcome,
        seconds(load.seconds),
        str(placement.n_ctx or "") if placement else "",
        speed(load.generation),
        str(placement.graph_splits or "") if placement else "",
        f"{verdict.state}{why}" if verdict else load.cause,
    ]


# ---- the file and the flags ----


def _facts(full: ProfileDetail) -> Group:
    """What the file says, then what was typed and where the two differ."""
    lines: list[RenderableType] = [Text("\nthe model file", "bold")]
    if full.facts_problem:
        lines.append(Text(f"▲ {full.facts_problem}", "yellow"))
    lines.append(_grid(full.facts.items()))
    lines += [Text(f"  {comment}", "dim") for comment in full.comments]
    lines += [Text(f"▲ {line}", "yellow") for line in full.contradictions]
    return Group(*lines)


def _grid(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 1), pad_edge=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _flags(flags: Sequence[FlagInfo]) -> Group:
    """One flag a line, with where it was written, and what that stands instead of."""
    table = Table.grid(padding=(0, 1), pad_edge=True)
    table.add_column(no_wrap=True)
    table.add_column(style="cyan", overflow="fold")
    table.add_column(style="dim")
    for flag in flags:
        instead = f", instead of {'; '.join(flag.overridden)}" if flag.overridden else ""
        row = (flag.flag, shlex.join(flag.values), f"{flag.origin}{instead}")
        table.add_row(*map(Text, row))
    return Group(Text("\nflags", "bold"), table)
