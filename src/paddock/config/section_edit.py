"""Changes to one section of a models.conf as text: a value, or the whole section. All else stays byte for byte. Pure."""

from collections.abc import Mapping, Sequence

from paddock.config.ini import Section, lines_of, parse_ini
from paddock.errors import ConfigError

_MARKS = ("#", ";")
_ALIASES = ("aliases", "alias")


def with_values(text: str, section: str, values: Mapping[str, str]) -> str:
    """The text with these keys of a section set to other values; keys in lower case.

    ConfigError where the section does not have one of them on a line of its own.
    """
    found = _section(text, section)
    lines = lines_of(text)
    for key, value in values.items():
        entry = next((e for e in found.entries if e.key.lower() == key), None)
        if entry is None:
            raise ConfigError(f"[{section}] has no {key} of its own", hint="write it by hand")
        line = lines[entry.line - 1]
        before, sign, old = line.partition("=")
        end = old[len(old.rstrip("\r\n")) :]
        gap = old[: len(old) - len(old.lstrip(" \t"))]
        lines[entry.line - 1] = f"{before}{sign}{gap}{value}{end}"
    return "".join(lines)


def with_lines_for(text: str, section: str, keys: Sequence[str], lines: Sequence[str]) -> str:
    """The text with the lines of these keys of a section gone, and others in the place of the first."""
    found = _section(text, section)
    old = sorted(entry.line - 1 for entry in found.entries if entry.key in keys)
    if not old:
        raise ConfigError(f"[{section}] has none of {', '.join(keys)}")
    all_lines = lines_of(text)
    first = all_lines[old[0]]
    end = first[len(first.rstrip("\r\n")) :] or "\n"
    all_lines[old[0]] = "".join(f"{line}{end}" for line in lines)
    return "".join(line for at, line in enumerate(all_lines) if at not in old[1:])


def with_alias(text: str, section: str, alias: str) -> str:
    """The text with one more name for a section: behind its `aliases`, or in a line of its own below its header."""
    found = _section(text, section)
    entry = next((e for e in found.entries if e.key.lower() in _ALIASES), None)
    if entry:
        known = ", ".join(filter(None, (entry.value.strip(), alias)))
        return with_values(text, section, {entry.key.lower(): known})
    lines = lines_of(text)
    header = lines[found.line - 1]
    end = header[len(header.rstrip("\r\n")) :] or "\n"
    lines[found.line - 1] = f"{header.rstrip(end)}{end}aliases = {alias}{end}"
    return "".join(lines)


def section_text(text: str, section: str) -> str:
    """The section as it stands in the text: its header, and all up to the next one's or its comments."""
    found = _section(text, section)
    lines = lines_of(text)
    return "".join(lines[found.line - 1 : _end(lines, text, found)])


def changed_part(before: str, after: str, section: str) -> tuple[str, str]:
    """What stands in two texts that differ in one section alone, from its header on: before, and after.

    A comment at its end may count as another section's there, so that `section_text` would not find it.
    """
    old = section_text(before, section)
    start = _offset(before, section)
    rest = len(before) - start - len(old)
    return old, after[start : len(after) - rest]


def with_part(text: str, section: str, old: str, new: str) -> str | None:
    """The text with one such part in the place of the other; None where the section is not that any more."""
    start = _offset(text, section)
    end = start + len(old)
    is_whole = end == len(text) or old.endswith(("\n", "\r"))
    if text[start:end] != old or not is_whole:
        return None
    found = f"{text[:start]}{new}{text[end:]}"
    return found if section_text(found, section) == new else None


def _offset(text: str, section: str) -> int:
    return sum(map(len, lines_of(text)[: _section(text, section).line - 1]))


def without_section(text: str, section: str) -> str:
    """The text without a section, the comments directly above it, and one of the empty lines around it."""
    found = _section(text, section)
    lines = lines_of(text)
    start, end = _start(lines, found.line), _end(lines, text, found)
    while end < len(lines) and not lines[end].strip():
        end += 1
    before = lines[:start]
    while before and end == len(lines) and not before[-1].strip():
        before.pop()
    return "".join([*before, *lines[end:]])


def end_of_value(lines: Sequence[str], line: int) -> int:
    """The last line of the value that begins in this one: indented lines go on with it, also below empty ones."""
    end = line
    for at, text in enumerate(lines[line:], start=line + 1):
        if not text.strip() or text.lstrip().startswith(_MARKS):
            continue
        if not text[0].isspace():
            break
        end = at
    return end


def _section(text: str, name: str) -> Section:
    sections, _ = parse_ini(text, "")
    found = [section for section in sections if section.name == name and section.line]
    if len(found) != 1:
        raise ConfigError(
            f"there are {len(found)} sections [{name}]", hint="`paddock check` shows them"
        )
    return found[0]


def _start(lines: list[str], header: int) -> int:
    """The index of the first line that belongs to the section whose header is in this line."""
    first = header - 1
    while first > 0 and lines[first - 1].lstrip().startswith(_MARKS):
        first -= 1
    return first


def _end(lines: list[str], text: str, found: Section) -> int:
    """Behind its last line: where the next section begins, or a heading after an empty line."""
    sections, _ = parse_ini(text, "")
    later = [section.line for section in sections if section.line > found.line]
    end = _start(lines, min(later)) if later else len(lines)
    last = max((entry.line for entry in found.entries), default=found.line)
    for at in range(end_of_value(lines, last), end):
        is_heading = lines[at].lstrip().startswith(_MARKS) and not lines[at - 1].strip()
        if is_heading:
            return at
    return end
