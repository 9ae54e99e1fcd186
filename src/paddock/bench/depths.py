"""Which prompts a profile is measured with: how long, and of which tokens. Pure."""

import random
from collections.abc import Sequence

from paddock.bench.options import BenchOptions
from paddock.figures.units import count

_LADDER = (512, 4096, 16384, 65536, 262144, 1048576)  # tokens
_CLOSE = 1.25  # the last depth is as good as the one before it when it is not longer by this factor
_SPARE = 16  # tokens that stay free: what templates or the engine add

# Common words, so that their tokens are those of text, spread over the vocabulary, and none is special.
TEXT = """
 the horse stands in open field and waits while rain falls over distant hills under grey morning light
 a small house near river keeps seven letters from forgotten summer where music played until late evening
 engineers measure voltage current pressure temperature velocity and write each number into long tables
 government market history science language school doctor winter mountain ocean train paper window garden
 def return class import for while lambda print range value index buffer memory thread process socket
 yellow purple silver narrow heavy gentle sudden quiet bright broken hidden perfect ancient modern simple
 walked carried opened answered built taught followed remembered travelled decided returned believed
 quickly slowly often never always perhaps together against between without through around beyond
"""


def depths_for(context: int, answer: int, wanted: Sequence[int] = ()) -> list[int]:
    """Prompt lengths, tokens, ascending: 512, 4k, 16k… and the longest that leaves room for the answer.

    `wanted`: these instead, as far as they fit.
    """
    most = context - answer - _SPARE
    if most < 1:
        return []
    if wanted:
        return sorted({depth for depth in wanted if 0 < depth <= most})
    fitting = [depth for depth in _LADDER if depth <= most]
    if not fitting or most >= _CLOSE * fitting[-1]:
        fitting.append(most)
    return fitting


def streams_for(slots: int, wanted: Sequence[int] = ()) -> list[int]:
    """How many streams at once, ascending: 2, 4, 8… up to the slots that there are."""
    if wanted:
        return sorted({number for number in wanted if 1 < number <= slots})
    powers = [2**n for n in range(1, 16) if 2**n < slots]
    return [*powers, *([slots] if slots > 1 else [])]


def left_out(
    context: int, slots: int, options: BenchOptions, depths: Sequence[int], streams: Sequence[int]
) -> list[str]:
    """What was asked for and is not measured, and why; of depths that nobody chose only where there is none."""
    notes = []
    if long := sorted({*options.depths} - {*depths}):
        words = ", ".join(f"{depth:,}" for depth in long)
        notes.append(f"longer than its context of {context:,} tokens lets a prompt be: {words}")
    elif not depths:
        notes.append(f"no prompt fits its context of {context:,} tokens")
    if many := sorted({*options.streams} - {*streams, 1}):
        words = ", ".join(map(str, many))
        notes.append(f"more streams than its {count(slots, 'slot')}: {words}")
    return notes


def prompt_tokens(tokens: Sequence[int], depth: int, seed: str) -> list[int]:
    """`depth` tokens drawn from these; two seeds share no beginning that a prompt cache could use."""
    return random.Random(seed).choices(tokens, k=depth)
