"""Where the comments of a YAML file go: with their part or key, at the head, or at the end. Pure.

A part is what becomes a section: a model of llama-swap, a service of a compose file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from paddock.importing.page import GAP
from paddock.importing.yaml_comments import Comment
from paddock.importing.yaml_file import Yaml
from paddock.importing.yaml_text import Key

_HEAD: Key = ("",)
_END: Key = ("", "end")


@dataclass(slots=True)
class KeyComments:
    """Hands comments out once; what nobody took is reported as lost."""

    file: Yaml
    parts: str  # the key that holds the parts
    _above: dict[Key, list[Comment]] = field(default_factory=dict)
    _after: dict[Key, list[Comment]] = field(default_factory=dict)

    @classmethod
    def of(cls, file: Yaml, parts: str) -> "KeyComments":
        out = cls(file, parts)
        keys: dict[int, Key] = {}
        for key, line in file.lines.items():  # of several in one line the outermost
            keys.setdefault(line, key)
        lines = sorted(keys)
        places = {line: at for at, line in enumerate(lines)}
        for line, found in file.comments.above.items():
            at = places[line]
            head = 0 if at else _end_of_head(found)
            if head:
                out._above[_HEAD] = found[:head]
            for comment in found[head:]:
                out._put(comment, keys[line], keys[lines[at - 1]] if at else ())
        for line, found in file.comments.beside.items():
            out._above.setdefault(keys[line], []).extend(found)
        for comment in file.comments.last:
            out._put(comment, _END, keys[lines[-1]] if lines else ())
        return out

    def _put(self, comment: Comment, key: Key, before: Key) -> None:
        """Above that key, unless the comment is indented as something that ended before it."""
        part = before[:2] if before[:1] == (self.parts,) and len(before) > 1 else ()
        if part and key[:2] != part and comment.indent > self.file.indents[part]:
            self._after.setdefault(part, []).append(comment)
        elif part and key[:1] != (self.parts,) and (comment.indent or key == _END):
            self._above.setdefault(_END, []).append(comment)
        else:
            self._above.setdefault(key, []).append(comment)

    # ---- taken ----

    def head(self) -> list[str]:
        """The comment above everything."""
        return _texts(self._above.pop(_HEAD, []))

    def end(self) -> list[str]:
        """The comment below the last part."""
        return _texts(self._above.pop(_END, []))

    def above(self, *key: str) -> list[str]:
        """The comments above or beside this key; for a part with the empty line below them."""
        found = self._above.pop(key, [])
        is_apart = found and not found[-1].is_beside and found[-1].line + 1 < self.file.lines[key]
        gap = [GAP] if is_apart and len(key) == 2 and key[0] == self.parts else []
        return _texts(found) + gap

    def below(self, *key: str) -> list[str]:
        """The comments of everything inside this key, at any depth."""
        inside = [k for k in self._above if k[: len(key)] == key]
        inside.sort(key=lambda k: self.file.lines[k])
        return [text for k in inside for text in self.above(*k)]

    def after(self, *key: str) -> list[str]:
        """The comments below the last key of this part, indented as its keys are."""
        return _texts(self._after.pop(key, []))

    def lost(self) -> Iterator[tuple[str, str]]:
        """What nobody took: where, and the first words of each block."""
        rest = [*self._above.items(), *self._after.items()]
        for key, found in sorted(rest, key=lambda item: item[1][0].line):
            name = self.file.path.name
            first, last = found[0].line, found[-1].line
            lines = f"{first}-{last}" if last > first else f"{first}"
            yield f"{name}:{lines} {'.'.join(key)}".rstrip(), f"# {found[0].text.strip()[:60]}"


def _texts(found: list[Comment]) -> list[str]:
    texts = []
    for number, comment in enumerate(found):
        is_apart = comment.follows_gap or comment.line > found[number - 1].line + 1
        texts += [GAP] if number and is_apart else []
        texts.append(comment.text)
    return texts


def _end_of_head(found: list[Comment]) -> int:
    """The head of the file ends with its last gap; what stands below that is about the first key."""
    gaps = [number for number, comment in enumerate(found) if number and comment.follows_gap]
    return gaps[-1] if gaps else len(found)
