"""Whether the extra `[tune]` is installed. Imports nothing of it."""

from importlib.util import find_spec


def is_installed() -> bool:
    return find_spec("optuna") is not None
