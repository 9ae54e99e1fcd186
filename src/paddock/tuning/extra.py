"""How the extra `[tune]` is installed. Imports nothing of it."""

from importlib.util import find_spec

INSTALL = "pip install 'paddock-llm[tune]' (from a checkout: pip install '.[tune]')"


def is_installed() -> bool:
    return find_spec("optuna") is not None
