"""Backslashes of a command line that a shell would take away although nothing needs them there. Pure.

Before a blank, a quote or one of a shell's own letters, a backslash protects it, and is meant to go. Before
any other it is part of a pattern (`blk\\.[0-9]+`) or of a path, and was meant to stay.
"""

_PROTECTED = frozenset(" \t\n'\"\\$`|&;<>()[]{}*?~#!")


def kept_backslashes(text: str) -> str:
    """The same command line, written so that these stay when it is split into words."""
    out, quote, after_backslash = [], "", False
    for letter in text:
        if after_backslash:
            after_backslash = False
            out.append(letter if letter in _PROTECTED or quote else f"\\{letter}")
        else:
            after_backslash = letter == "\\" and quote != "'"
            quote = _quote(quote, letter)
            out.append(letter)
    return "".join(out)


def _quote(quote: str, letter: str) -> str:
    """Which quotes are open behind this letter."""
    if quote:
        return "" if letter == quote else quote
    return letter if letter in "'\"" else ""
