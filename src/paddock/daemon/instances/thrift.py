"""Whether keeping the context of one instance pays: reading it again against writing and reading it back."""

from dataclasses import dataclass
from typing import Protocol

from paddock.core.model import ProfileId
from paddock.daemon.instances.experience import Experience, Place
from paddock.daemon.instances.load_report import LoadReport
from paddock.daemon.instances.records import Record
from paddock.llama.slots import Moved

_LEAST = 512  # tokens: fewer are read again in a moment, and a probe leaves some 320
_PROMPT_SPEED = 500.0  # tokens/s, as a first guess: a model whose prompts were never measured
_MIB = 1 << 20


class PromptSpeeds(Protocol):
    """Whoever knows how fast prompts were read: the chronicle."""

    def prompt_speed(self, profile: ProfileId) -> float | None:
        """Tokens/s; None where none was measured."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """What keeping so many tokens costs, in seconds, and what reading them again would."""

    tokens: int
    size: int  # bytes
    save: float
    restore: float
    reread: float
    is_measured: bool  # False: some of it is a first guess

    @property
    def pays(self) -> bool:
        return self.reread > self.save + self.restore

    def pays_beside(self, kept: int) -> bool:
        """Whether it pays though the first so many tokens are kept already: a save writes all anew,
        and spares no more than reading the others again."""
        if not kept:
            return self.pays
        others = max(self.tokens - kept, 0) / self.tokens if self.tokens else 0.0
        return self.pays and self.reread * others > self.save

    def __str__(self) -> str:
        basis = "measured" if self.is_measured else "in part a first guess"
        return (
            f"{self.tokens:,} tokens: reading again {self.reread:.1f} s, "
            f"saving and restoring {self.save + self.restore:.1f} s ({basis})"
        )


class Thrift:
    """The judgement for one instance, and its notes for those to come."""

    def __init__(
        self,
        experience: Experience,
        speeds: PromptSpeeds,
        *,
        record: Record,
        place: Place,
        is_asked_for: bool,
    ) -> None:
        """`is_asked_for`: keep all, whether it pays or not."""
        self._experience, self._speeds, self._record = experience, speeds, record
        self._profile, self.place = ProfileId(record.profile), place
        self._is_asked_for = is_asked_for

    @property
    def is_futile(self) -> bool:
        """Whether it has brought nothing so far: then nothing is saved, unless the user wants it."""
        return not self._is_asked_for and self._experience.is_futile(self._kind)

    @property
    def brings_nothing(self) -> bool:
        """Whether the engine reuses nothing of what it restores, as far as it was seen."""
        return self._experience.is_futile(self._kind)

    def weigh(self, tokens: int, report: LoadReport) -> Weighing:
        """Keeping a slot with so many tokens of the instance that loaded so."""
        save_rate, saves = self._experience.rate(self._kind, self.place, "save")
        restore_rate, restores = self._experience.rate(self._kind, self.place, "restore")
        speed = self._speeds.prompt_speed(self._profile)
        size = tokens * (self._experience.bytes_per_token(self._kind) or _per_token(report))
        return Weighing(
            tokens=tokens,
            size=round(size),
            save=size / save_rate,
            restore=size / restore_rate,
            reread=tokens / (speed or _PROMPT_SPEED),
            is_measured=saves and restores and speed is not None,
        )

    def is_worth(self, weighing: Weighing, *, kept: int = 0) -> bool:
        """Whether a slot is to be saved, of which the first `kept` tokens are kept already."""
        if weighing.tokens < _LEAST or self.is_futile:
            return False
        return self._is_asked_for or weighing.pays_beside(kept)

    @property
    def _kind(self) -> str:
        """As in `experience`; its architecture is known once it has loaded."""
        return f"{self._record.architecture} {self._record.context_kind or self._record.recipe}"

    # ---- notes ----

    def note_saved(self, moved: Moved) -> None:
        self._experience.note_move(
            self._kind, self.place, "save",
            tokens=moved.tokens, size=moved.size, seconds=moved.seconds,
        )  # fmt: skip

    def note_restored(self, moved: Moved) -> None:
        self._experience.note_move(
            self._kind, self.place, "restore",
            tokens=moved.tokens, size=moved.size, seconds=moved.seconds,
        )  # fmt: skip

    def note_reused(self, *, expected: int, reused: int, restore_seconds: float) -> float:
        """A conversation went on in a restored slot; the seconds that this has saved."""
        self._experience.note_try(self._kind, expected=expected, reused=reused)
        if not reused:
            return 0.0
        speed = self._speeds.prompt_speed(self._profile) or _PROMPT_SPEED
        seconds = max(reused / speed - restore_seconds, 0.0)
        self._experience.note_spared(self._profile, tokens=reused, seconds=seconds)
        return seconds


def _per_token(report: LoadReport) -> float:
    """Bytes of the KV cache, from where the log says that it lies."""
    return report.context_mib * _MIB / report.n_ctx if report.n_ctx else 0.0
