"""What keys do: one table, from which bindings, help and commands (Ctrl-P) are made."""

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Verb:
    """One key of the main screen."""

    keys: str  # as Textual names them
    shown: str  # as people do
    action: str
    title: str  # of the command
    help: str
    footer: str = ""  # a word for the last line; empty: not there

    @property
    def binding(self) -> Binding:
        key = self.shown.split(" or ")[0]
        return Binding(
            self.keys,
            self.action,
            self.footer or self.title,
            show=bool(self.footer),
            key_display=key,
        )


VERBS = (
    Verb(
        "m,slash", "m or /", "app.pick", "Switch to a model",
        "pick a model: type to filter, (Alt+)number or arrows to choose, Enter switches", "Switch",
    ),
    Verb("u", "u", "app.unload", "Unload the model", "unload it; requests that run are finished", "Unload"),
    Verb(
        "c", "c", "app.cancel_switch", "Cancel the load",
        "cancel the load under way; what had to leave for it comes back",
    ),
    Verb(
        "y", "y", "app.yield_gpus", "Yield the GPUs, or take them back",
        "yield all GPUs to other programs, and take them back",
    ),
    Verb(
        "x", "x", "app.end_request", "End the request",
        "end the request under the cursor (Tab moves to the requests)",
    ),
    Verb(
        "f,ampersand", "f or &", "screen.filter", "Filter the models",
        "show only models with these words; Enter keeps the filter, Esc ends it", "Filter",
    ),
    Verb(
        "s", "s", "screen.sort", "Sort by the next column",
        "sort by name, state, speed, size, context, last use, or as in models.conf (or click a heading)",
        "Sort",
    ),
    Verb("S", "S", "screen.turn", "Reverse the order", "reverse the order"),
    Verb("b", "b", "screen.benches", "Show or fold benchmarks", "show or fold benchmark profiles"),
    Verb(
        "l", "l", "app.logs", "The model's log",
        "its log, over all its runs: / searches, n N go on, & filters, f follows, y copies", "Log",
    ),
    Verb("a", "a", "app.every_log", "All models' logs", "what all models write, one after another"),
    Verb("L", "L", "app.daemon_log", "The daemon's log", "the log of the daemon itself"),
    Verb(
        "d", "d", "app.detail", "The model in detail",
        "its detail: plan, placement, history, facts, flags", "Detail",
    ),
    Verb(
        "e", "e", "app.edit", "Edit the profile",
        "its section of models.conf in $VISUAL or $EDITOR; afterwards it is checked and, without mistakes, applied",
        "Edit",
    ),
    Verb(
        "p", "p", "app.problems", "What is wrong with models.conf",
        "all mistakes and warnings of models.conf, with their lines",
    ),
    Verb("D", "D", "app.downloads", "Downloads", "downloads: how far each is; Space pauses one and goes on with it, c cancels it"),
    Verb("r", "r", "app.reload", "Read models.conf again", "read models.conf again, now"),
    Verb(
        "backspace", "Backspace", "app.dismiss_failures", "Dismiss failures",
        "dismiss the failures that are shown",
    ),
    Verb("Q", "Q", "app.stop_daemon", "Stop the daemon", "stop the daemon; it asks first, and whether models stay loaded"),
    Verb("question_mark", "?", "app.help", "Help", "this page", "Help"),
    Verb("q", "q", "app.quit", "Quit", "quit; no model is touched", "Quit"),
)  # fmt: skip
