"""Wire types about the files that weights come from, and how much of them the page cache holds."""

import msgspec


class LoadedWeights(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How one load came by its weights."""

    mib: int = 0  # of all files: shards, projector, draft model
    cached: float | None = None  # share in the page cache when the process was started, 0 to 1
    ahead_mib: int = 0  # that Paddock had the kernel read ahead, before the start and after it
    ahead_seconds: float = 0.0  # that this took
    file_system: str = ""  # `ext4 on /dev/nvme0n1p2`

    @property
    def missing_mib(self) -> float | None:
        """What was not in the page cache when it was started."""
        return None if self.cached is None else self.mib * (1 - self.cached)
