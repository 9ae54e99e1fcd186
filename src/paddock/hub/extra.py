"""Whether the extra `[hub]` is installed. Imports nothing of it."""

from importlib.util import find_spec


def is_installed() -> bool:
    return find_spec("huggingface_hub") is not None
