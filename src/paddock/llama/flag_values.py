"""What a value must be to suit an option, and the argv words that carry it. Pure."""

from paddock.llama.flags import FlagSpec

# llama.cpp's own words for a switch (`is_truthy`, `is_falsey`, `is_autoy` in common/arg.cpp).
TRUE = frozenset({"true", "on", "1", "enabled"})
FALSE = frozenset({"false", "off", "0", "disabled"})
AUTO = frozenset({"auto", "-1"})


def to_argv(spec: FlagSpec, text: str, *, negated: bool = False) -> tuple[str, ...]:
    """The argv words that give `text` to this option; none at all where it is merely left off.

    Raises ValueError, with words for people, when the option does not take such a value.
    """
    if spec.arity == 0:
        return _switch(spec, on=truth(text) is not negated)
    if spec.arity == 1:
        return (spec.name, check_value(spec, text))
    words = text.split()
    if len(words) != spec.arity:
        raise ValueError(f"takes {spec.arity} values ({spec.hint}), not {len(words)}")
    return (spec.name, *words)


def _switch(spec: FlagSpec, *, on: bool) -> tuple[str, ...]:
    if on:
        return (spec.name,)
    return (spec.negation,) if spec.negation else ()


def truth(text: str) -> bool:
    """A switch's value; raises ValueError on anything but llama.cpp's own words for it.

    In a preset `yes` means on, and so does `no`: all words but those of `FALSE` do.
    """
    word = text.lower()
    if word in TRUE or word in FALSE or word == "yes":
        return word not in FALSE
    why = ", which llama.cpp's own preset reader takes for on" if word == "no" else ""
    raise ValueError(f"takes true or false (on/off, 1/0), not {text!r}{why}")


def check_value(spec: FlagSpec, text: str) -> str:
    """One value as llama-server wants it; raises ValueError where the help rules it out."""
    if spec.choices:
        parts = text.split(",") if spec.several else [text]
        return ",".join(_choice(spec.choices, part.strip()) for part in parts)
    # llama.cpp reads numbers with std::stoi, which takes `128k` for 128 without a word.
    if spec.hint == "N" and not _is_number(text) and f"'{text}'" not in spec.help:
        raise ValueError(f"takes a number, not {text!r}")
    return text


def _choice(choices: tuple[str, ...], text: str) -> str:
    if text in choices:
        return text
    synonyms = {"on": TRUE, "off": FALSE, "auto": AUTO}
    for word, same in synonyms.items():
        if word in choices and text.lower() in same:
            return word
    raise ValueError(f"takes one of {', '.join(choices)}, not {text!r}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
