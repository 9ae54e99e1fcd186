"""llama-swap's settings of a model besides its command, as keys of models.conf."""

from collections.abc import Iterable, Mapping
from typing import Any

from paddock.importing.key_comments import KeyComments
from paddock.importing.macros import Macros
from paddock.importing.page import Page, PageSection, plain
from paddock.importing.swap_variants import variant
from paddock.importing.swap_words import MODEL_KEYS, PROTECTED, SAMPLERS
from paddock.importing.yaml_file import is_true, items, mapping, text_of

_STRIP = ("stripParams", "strip_params")  # the newer one counts, where both are given
_RELAYED = "Paddock relays requests as they are"
_VARIANT = "is a variant with `sampler-policy = force`: the same instance, and none of the client's samplers count"


class ModelKeys:
    def __init__(
        self,
        section: PageSection,
        model: Mapping[str, Any],
        macros: Macros,
        comments: KeyComments,
        notes: Page,
    ) -> None:
        self._section, self._model, self._macros = section, model, macros
        self._comments, self._notes = comments, notes
        self.variants: list[PageSection] = []  # further names, with request settings of their own

    def names(self) -> None:
        """What stands at the head of a section."""
        for key, name in (("name", "NAME"), ("description", "DESCRIPTION")):
            if text := self._text(key):
                self._add(name, text, key)
        self._section.about_aliases += self._comments.below("models", self._section.id, "aliases")
        for alias in items(self._model.get("aliases")):
            text = text_of(mapping(alias).get("id") or alias)
            self._section.aliases.append(self._macros.expand(text))

    def rest(self, priority: str) -> None:
        if self._text("ttl") not in ("", "-1"):
            self._add("ttl", self._text("ttl"), "ttl")
        if is_true(self._text("unlisted")):
            self._add("hidden", "true", "unlisted")
        for key, name in (("concurrencyLimit", "concurrency"), ("unloadTimeout", "stop-timeout")):
            if self._text(key) not in ("", "0"):
                self._add(name, self._text(key), key)
        if priority:
            self._section.add("priority", priority)
        for key in self._model:
            if why := MODEL_KEYS.get(key, ""):
                self._notes.note(self._where(key), why)
        self._filters(mapping(self._model.get("filters")))

    def _text(self, key: str) -> str:
        return self._macros.expand(text_of(self._model.get(key)))

    def _where(self, *key: str) -> str:
        return self._comments.file.where("models", self._section.id, *key)

    def _add(self, name: str, value: str, *key: str) -> None:
        comments = self._comments.below("models", self._section.id, *key)
        self._section.add(name, value, self._where(*key), comments)

    # ---- filters ----

    def _filters(self, filters: Mapping[str, Any]) -> None:
        key = next((key for key in _STRIP if filters.get(key)), "")
        if key:
            self._stripped(key, items(filters[key]))
        if given := mapping(filters.get("setParams")):
            why = f"{_RELAYED}: give the profile the flags that mean it"
            self._tell("setParams", why, given)
        for name, given in mapping(filters.get("setParamsByID")).items():
            self._by_name(self._macros.expand(name), mapping(given))

    def _stripped(self, key: str, params: Iterable[object]) -> None:
        words = ",".join(self._macros.expand(text_of(one)) for one in params).split(",")
        stripped = {word.strip() for word in words} - PROTECTED
        if stripped & SAMPLERS:
            self._add("sampler-policy", "force", "filters", key)
            why = "is `sampler-policy = force`: the profile's samplers count, all of them"
            self._notes.note(self._where("filters", key), why, "changed")
        if others := ", ".join(sorted(stripped - SAMPLERS)):
            self._notes.note(self._where("filters", key), _RELAYED, what=others)

    def _by_name(self, name: str, given: Mapping[str, Any]) -> None:
        """A name with request settings of its own is a variant; those of the model's own name hold for all."""
        where = self._where("filters", "setParamsByID")
        if name == self._section.id or plain(name) != name or not name or "]" in name:
            why = f"{_RELAYED}: give the profile the flags that mean it"
            self._notes.note(where, why, what=f"{name}: {', '.join(given)}")
            return
        section, lost = variant(self._section.id, name, given, self._macros, where)
        self._section.aliases = [one for one in self._section.aliases if one != name]
        self.variants.append(section)
        self._notes.note(where, _VARIANT, "changed", what=f"[{name}]")
        if lost:
            self._notes.note(
                where, "variants have no such setting", what=f"{name}: {', '.join(lost)}"
            )

    def _tell(self, key: str, why: str, given: Mapping[str, Any]) -> None:
        self._notes.note(self._where("filters", key), why, what=", ".join(given))
