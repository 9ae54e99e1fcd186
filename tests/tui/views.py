"""What a test reads off a view."""

from paddock.tui.state import View


def states(view: View) -> dict[str, str]:
    return {model.id: model.state for model in view.models if model.state != "unloaded"}


def lines(view: View) -> list[str]:
    return [notice.text for notice in view.notices]


def trace(view: View, name: str) -> list[float | None]:
    return list(view.traces[name].values)
