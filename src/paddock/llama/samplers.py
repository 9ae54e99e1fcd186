"""The words for sampling: in a request, and the flag that sets the same for a whole instance. Pure.

Source: `tools/server/server-task.cpp` (params_from_json_cmpl) and `--help` of build 11434.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

FLAG_OF = {
    "temperature": "--temperature",
    "top_k": "--top-k",
    "top_p": "--top-p",
    "min_p": "--min-p",
    "top_n_sigma": "--top-n-sigma",
    "xtc_probability": "--xtc-probability",
    "xtc_threshold": "--xtc-threshold",
    "typical_p": "--typical-p",
    "repeat_last_n": "--repeat-last-n",
    "repeat_penalty": "--repeat-penalty",
    "presence_penalty": "--presence-penalty",
    "frequency_penalty": "--frequency-penalty",
    "dry_multiplier": "--dry-multiplier",
    "dry_base": "--dry-base",
    "dry_allowed_length": "--dry-allowed-length",
    "dry_penalty_last_n": "--dry-penalty-last-n",
    "dynatemp_range": "--dynatemp-range",
    "dynatemp_exponent": "--dynatemp-exp",
    "mirostat": "--mirostat",
    "mirostat_tau": "--mirostat-ent",
    "mirostat_eta": "--mirostat-lr",
}


def samplers_of(flags: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, float]:
    """What these flags (name, values) set, in requests' words; values that are no numbers are left out."""
    given = {name: values[0] for name, values in flags if values}
    found = {word: _number(given.get(flag)) for word, flag in FLAG_OF.items()}
    return {word: number for word, number in found.items() if number is not None}


def samplers_in(argv: Sequence[str]) -> dict[str, float]:
    """What a command line of ours sets, which has each flag by its canonical name and its value behind it."""
    return samplers_of((name, (value,)) for name, value in pairwise(argv))


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
