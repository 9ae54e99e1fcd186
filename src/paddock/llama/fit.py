"""What llama.cpp's `--fit` tried and chose: devices, trials, and the placement that will be loaded. Pure.

`fit_log.py` reads it from the log; `fit_context.py` knows what fit itself reckons between two trials.
"""

from dataclasses import dataclass, field

HOST = "Host"  # the machine's own memory, in tables by device


def is_host(buffer: str) -> bool:
    """Whether a buffer of this name lies in the machine's own memory (pinned or mapped too)."""
    return buffer.startswith(("CPU", "AMX", "Host")) or buffer.endswith("_Host")


@dataclass(frozen=True, slots=True)
class FitDevice:
    """A device as the engine sees it, before anything of the model lies on it."""

    name: str  # `CUDA0`, `RPC1`
    description: str  # `NVIDIA H100 80GB HBM3`; of RPC devices the endpoint
    address: str | None  # of its PCI slot, `0000:00:06.0`; None where it has none
    free_mib: int
    total_mib: int | None = None
    is_in_ram: bool = False  # the engine says that it shares the machine's memory
    is_part: bool = (
        False  # of several that work as one: neither its address nor its memory is known
    )


@dataclass(slots=True)
class Sizes:
    """MiB on one device."""

    model: int = 0
    context: int = 0
    compute: int = 0

    def add(self, other: "Sizes") -> None:
        self.model += other.model
        self.context += other.context
        self.compute += other.compute

    @property
    def total(self) -> int:
        return self.model + self.context + self.compute


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a load says of tensors that lie in another buffer than the first one of their list (done_getting_tensors).

    It names the first of them alone. That is nearly always the token embedding, which is in RAM anyway: what a device
    refuses is then one of the others, as are all tensors of layers in RAM.
    """

    tensor: str
    type: str  # `q4_K`
    others: int
    wanted: str  # `Vulkan0`, `CPU_REPACK`
    used: str

    @property
    def is_refusal(self) -> bool:
        """Whether a device refused the one that is named."""
        return not is_host(self.wanted) and is_host(self.used)


@dataclass(slots=True)
class FitTrial:
    """One placement that fit measured without allocating it."""

    is_extra: bool = False  # of the draft model, which shares the devices
    n_ctx: int | None = None
    sizes: dict[str, Sizes] = field(default_factory=dict)  # by device; everything else is `Host`
    layers: dict[str, int] = field(default_factory=dict)  # by device; `Host` for the CPU
    windowed: int = 0  # layers with a sliding window
    moved: dict[str, list[str]] = field(default_factory=dict)  # tensors by the buffer they went to
    moved_mib: int = 0  # of these, what went to RAM, each tensor rounded down
    elsewhere: Elsewhere | None = None
    splits: int | None = None
    splits_tg: int | None = None
    shape: dict[int, int] = field(default_factory=dict)  # layers by the device's place

    @property
    def n_layers(self) -> int:
        return sum(self.layers.values())

    @property
    def layers_moved_to_host(self) -> set[int]:
        """Those with tensors in RAM."""
        in_ram = (name for buffer, names in self.moved.items() if is_host(buffer) for name in names)
        return {int(name.split(".")[1]) for name in in_ram}


@dataclass(frozen=True, slots=True)
class Fit:
    """What fit chose, and what it would take."""

    devices: tuple[FitDevice, ...]
    trial: FitTrial
    draft: FitTrial | None
    projector_mib: dict[str, float]  # by device
    overflowing: dict[str, int]  # layers by device
    n_ctx: int | None  # tokens that will be loaded
    n_ctx_train: int | None
    reduced_from: int | None  # the context before fit cut it
    complaint: str  # why fit gave up; then what was asked for is loaded as it is
