"""What `--tensor-split` gives each device, where every layer is split (`--split-mode tensor`). Pure."""

from collections.abc import Sequence

_FLAG = "--tensor-split"


def tensor_parts(split: str, devices: int) -> list[float]:
    """Which part each of so many devices gets by these numbers (`3,1`); they add up to 1. Equal ones where there are none."""
    words = split.replace("/", ",").split(",")
    weights = [_number(words[place]) if place < len(words) else 0.0 for place in range(devices)]
    total = sum(weights)
    return [weight / total for weight in weights] if total else [1 / devices] * devices


def split_of(argv: Sequence[str]) -> str:
    """The numbers of a command line; empty where it has none."""
    places = [place for place, word in enumerate(argv[:-1]) if word == _FLAG]
    return argv[places[-1] + 1] if places else ""


def _number(word: str) -> float:
    try:
        return max(0.0, float(word))
    except ValueError:
        return 0.0
