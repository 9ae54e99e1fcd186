"""Whether the extra `[hub]` is installed, and how it is. Imports nothing of it."""

from importlib.util import find_spec

INSTALL = "pip install 'paddock-llm[hub]' (from a checkout: pip install '.[hub]')"


def is_installed() -> bool:
    return find_spec("huggingface_hub") is not None
