"""models.conf edited over HTTP: read, a draft checked and compared, written whole, an earlier text put back.

The only way by which somebody who is not at this machine's files changes how models are started. So:
who may write is decided by `web-editor`, what a limited one may write by `proposal.py`, and nothing is
written over a text that its writer has not seen.
"""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from paddock import excerpt
from paddock.api.editing import (
    ConfigChanges,
    ConfigCheck,
    ConfigDraft,
    ConfigPreview,
    ConfigProblem,
    ConfigText,
    ConfigWritten,
    PlanChange,
)
from paddock.api.placement import Plan
from paddock.config.keys import read_keys
from paddock.config.names_elsewhere import strange_names
from paddock.config.paths import keys_file
from paddock.config.profile import Problem, Profile
from paddock.config.section_edit import with_alias
from paddock.config.settings import Settings, is_loopback, listen_address
from paddock.config.text_difference import unified
from paddock.daemon.configuration import Configuration
from paddock.daemon.keyring import Keyring
from paddock.daemon.parts import Parts
from paddock.daemon.profiles.config_file import ConfigFile, fingerprint_of
from paddock.daemon.profiles.proposal import Proposal, proposed
from paddock.daemon.profiles.rights import OFF
from paddock.daemon.refusals import failure_of
from paddock.daemon.turns import in_turns
from paddock.errors import BadRequest, ConfigError, EngineError, Forbidden, NoSuchThing
from paddock.placement.missing_files import with_missing_files

_log = logging.getLogger(__name__)
_BOM = b"\xef\xbb\xbf"
_PLANS = 40  # of a preview


class Editor:
    """What may be done with the text of models.conf."""

    def __init__(
        self, parts: Parts, settings: Settings, keyring: Keyring, configuration: Configuration
    ) -> None:
        self._parts, self._settings = parts, settings
        self._keyring, self._configuration = keyring, configuration
        self._file = ConfigFile(parts.paths.config, parts.paths.state_dir)
        self._writing, self._checking = asyncio.Lock(), asyncio.Lock()  # one at a time

    async def text(self) -> ConfigText:
        """What stands in the file. ConfigError where that is no text, or cannot be read."""
        content = await asyncio.to_thread(self._file.read)
        return ConfigText(
            path=str(self._file.path),
            text=_decoded(content or b"", self._file.path),
            fingerprint=fingerprint_of(content),
            editing=self._settings.web_editor,
            read_only=await asyncio.to_thread(self._protection),
            earlier=await asyncio.to_thread(self._file.earlier),
        )

    def _protection(self) -> str:
        return self._refusal() or self._file.write_protection()

    def _refusal(self) -> str:
        """Why nobody may write by this address, whatever the file's own mode."""
        editing = self._settings.web_editor
        if editing == "off":
            return OFF
        host, _ = listen_address(self._settings.listen)
        if editing == "limited" and not self._keyring.is_needed and not is_loopback(host):
            return "other machines reach this address, and no key is needed: `paddock key add NAME --scope manage` makes one"
        return ""

    # ---- looking ----

    async def check(self, draft: ConfigDraft) -> ConfigCheck:
        """What is wrong with it; nothing is written. BadRequest, NoSuchThing."""
        text, limited = await self._draft(draft)
        return await self._checked(await self._proposed(text, limited=limited))

    async def preview(self, draft: ConfigDraft) -> ConfigPreview:
        """What writing it would change, as far as that is known without asking engines."""
        text, limited = await self._draft(draft)
        content = await asyncio.to_thread(self._file.read)
        before = (content or b"").removeprefix(_BOM).decode(errors="replace")
        proposal = await self._proposed(text, limited=limited)
        changes = self._changes(proposal)
        wanted = [*changes.added, *changes.restarts] if proposal.stable else []
        return ConfigPreview(
            check=await self._checked(proposal),
            fingerprint=fingerprint_of(content),
            difference=await asyncio.to_thread(unified, before, text),
            changes=changes,
            plans=await self._plans(proposal, wanted[:_PLANS]),
            plans_left_out=max(0, len(wanted) - _PLANS),
        )

    async def _draft(self, draft: ConfigDraft) -> tuple[str, bool]:
        """Its text, and whether it may reach no further than the file: an earlier one was there already."""
        if (draft.text is None) == (draft.earlier is None):
            raise BadRequest("give either `text` or `earlier`")
        limited = self._settings.web_editor != "full"
        if draft.earlier is None:
            return (draft.text or "").removeprefix("\ufeff"), limited
        content = await asyncio.to_thread(self._file.earlier_text, draft.earlier)
        return content.removeprefix(_BOM).decode(errors="replace"), False

    async def _proposed(self, text: str, *, limited: bool) -> Proposal:
        parts = self._parts
        async with self._checking:
            return await asyncio.to_thread(
                proposed, text, parts.roster, parts.paths, limited=limited
            )

    async def _checked(self, proposal: Proposal) -> ConfigCheck:
        names = await asyncio.to_thread(self._strange_names, proposal)
        stable = proposal.stable
        return ConfigCheck(
            ok=proposal.is_fine,
            problems=[self._problem(one) for one in (*proposal.problems, *names)],
            cut=proposal.is_cut,
            profiles=len(stable.profiles) if stable else 0,
            variants=len(stable.variants) if stable else 0,
        )

    def _strange_names(self, proposal: Proposal) -> list[Problem]:
        """Names of models in paddock.toml and keys that the draft does not have."""
        if proposal.stable is None:
            return []
        file, paths = keys_file(self._parts.paths.state_dir), self._parts.paths
        try:
            keys = read_keys(file)
        except ConfigError:
            return []  # said where keys are read
        unknown = self._settings.unknown_model
        return list(
            strange_names(
                proposal.stable,
                unknown_model=unknown,
                settings_file=paths.settings,
                keys=keys,
                keys_file=file,
            )
        )

    def _problem(self, one: Problem) -> ConfigProblem:
        is_elsewhere = one.file != str(self._file.path.absolute())
        return ConfigProblem(
            severity=one.severity,
            message=excerpt.line(one.message),
            hint=excerpt.line(one.hint),
            file=one.file if is_elsewhere else "",
            line=one.line,
            section=excerpt.name(one.section),
            key=excerpt.name(one.key),
            code=one.code,
        )

    def _changes(self, proposal: Proposal) -> ConfigChanges:
        if proposal.stable is None:
            return ConfigChanges()
        found, new = proposal.changes, proposal.stable.profiles
        active = self._parts.roster.stable.profiles
        stale = [
            instance.profile
            for instance in self._parts.registry.values()
            if (before := active.get(instance.profile))
            and instance.record.fingerprint == before.fingerprint
            and (
                instance.profile not in new
                or new[instance.profile].fingerprint != before.fingerprint
            )
        ]
        return ConfigChanges(
            added=list(found.added),
            removed=list(found.removed),
            changed=list(found.changed),
            restarts=list(found.restarts),
            stale=list(dict.fromkeys(stale)),
        )

    async def _plans(self, proposal: Proposal, names: Iterable[str]) -> list[PlanChange]:
        """What engines planned before, else an estimate, for which the header of a new file is read."""
        if proposal.stable is None:
            return []
        active, new = self._parts.roster.stable.profiles, proposal.stable.profiles
        await self._parts.roster.read_facts_of(new[name] for name in names)
        return [
            PlanChange(
                profile=name,
                before=self._plan(active[name]) if name in active else None,
                after=self._plan(new[name]),
            )
            async for name in in_turns(names)
        ]

    def _plan(self, profile: Profile) -> Plan:
        return with_missing_files(self._parts.plans.of(profile), profile)

    # ---- writing ----

    async def write(self, text: str, based_on: str) -> ConfigWritten:
        """Write this text and make it active.

        Forbidden, ConfigChangedMeanwhile, ConfigError with every error of it, StateUnwritable: then nothing
        was written.
        """
        async with self._writing:
            before = await self._begin(based_on)
            content = _encoded(text, before)
            limited = self._settings.web_editor != "full"
            return await self._replace(content, based_on, limited=limited)

    async def undo(self, earlier: str | None, based_on: str) -> ConfigWritten:
        """Put an earlier text back, None: the newest that is another. As `write`; NoSuchThing."""
        async with self._writing:
            await self._begin(based_on)
            wanted = earlier or await asyncio.to_thread(self._newest_other, based_on)
            content = await asyncio.to_thread(self._file.earlier_text, wanted)
            return await self._replace(content, based_on, limited=False)

    async def _begin(self, based_on: str) -> bytes | None:
        """What stands in the file. Raises where it may not be written, or is another than was edited."""
        if why := self._refusal():
            raise Forbidden(f"models.conf is not written over HTTP: {why}")
        before = await asyncio.to_thread(self._file.read)
        self._file.must_be(before, based_on)
        if why := await asyncio.to_thread(self._file.write_protection):
            raise ConfigError(why)
        return before

    async def alias(self, section: str, alias: str) -> None:
        """Give a section one more name. As `write`; BadRequest where that can be none."""
        if not alias.isprintable() or set(alias) & set(",[];#"):
            raise BadRequest(f"a model cannot be called {alias!r}")
        async with self._writing:
            based_on = fingerprint_of(await asyncio.to_thread(self._file.read))
            before = await self._begin(based_on)
            text = with_alias(_decoded(before or b"", self._file.path), section, alias)
            limited = self._settings.web_editor != "full"
            written = await self._replace(_encoded(text, before), based_on, limited=limited)
        if written.failure:
            raise ConfigError(written.failure.message, hint=written.failure.hint)

    def _newest_other(self, fingerprint: str) -> str:
        found = (one.fingerprint for one in self._file.earlier() if one.fingerprint != fingerprint)
        if newest := next(found, ""):
            return newest
        raise NoSuchThing("no earlier text of models.conf is kept")

    async def _replace(self, content: bytes, based_on: str, *, limited: bool) -> ConfigWritten:
        text = _decoded(content, self._file.path)
        proposal = await self._proposed(text, limited=limited)
        if not proposal.is_fine:
            errors = [str(p) for p in proposal.problems if p.severity == "error"]
            raise ConfigError(
                f"this text has {'an error' if len(errors) == 1 else 'errors'}: nothing was written",
                hint="correct what is named",
                detail=tuple(errors),
            )
        changes = self._changes(proposal)
        await asyncio.to_thread(self._file.replace, content, based_on)
        _log.info("%s was written over HTTP", self._file.path)
        written = ConfigWritten(fingerprint=fingerprint_of(content), changes=changes)
        try:
            await self._configuration.reload()
        except (ConfigError, EngineError) as error:
            written.failure = failure_of(error)
        return written


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}:{line}: is not UTF-8 text", hint="save the file as UTF-8"
        ) from error


def _encoded(text: str, before: bytes | None) -> bytes:
    """Its bytes, with a byte order mark where the file had one."""
    try:
        content = text.removeprefix("\ufeff").encode()
    except UnicodeEncodeError as error:
        raise BadRequest("the text holds half of a surrogate pair") from error
    return _BOM + content if (before or b"").startswith(_BOM) else content
