"""What planning is tried on: profiles, devices that are there or made up, and what a real load gets."""

import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from paddock.config.models_conf import load
from paddock.config.profile import Flag, Origin, Profile
from paddock.core.model import HOST, DeviceId
from paddock.engine.engine import Engine
from paddock.engine.launch import rehearsal
from paddock.llama.fit import is_host
from paddock.llama.fit_log import DONE
from paddock.llama.placement_log import PlacementReader
from paddock.placement.devices import Reading, Taker
from paddock.placement.planning import Circumstances
from tests.rig import Rig

ALONE = {"parallel": 1, "fit-target": 16}
_numbers = count(1)


def profile(conf: str, folder: Path, engine: Engine) -> Profile:
    """Of these lines of models.conf."""
    path = folder / f"models-{next(_numbers)}.conf"
    path.write_text(f"[m]\nthreads = 1\n{conf}")
    return load(path, flags_for=lambda _: engine.flags).profiles["m"]


def written(*flags: str, model: Path | None = None, **fields: object) -> Profile:
    """A profile with these words as its command line, whatever engine there is."""
    own = [words.split(maxsplit=1) for words in flags]
    said = tuple(Flag(name, tuple(values), Origin("m", "")) for name, *values in own)
    return Profile("m", 1, model, said, **fields)  # type: ignore[arg-type]


def gpu(name: str, free: int, *, id_: str = "", ours: int = 0, total: int = 0, takers: tuple[Taker, ...] = ()) -> Reading:  # fmt: skip
    """A made-up one."""
    return Reading(DeviceId(id_ or name), name, total or free + ours, free, ours, takers)


def around(*readings: Reading, ram: int | None = 64_000, overheads: dict[str, int] | None = None) -> Circumstances:  # fmt: skip
    """Such a machine, with nothing of ours on it."""
    known = {reading.id: reading for reading in readings}
    known[HOST] = Reading(HOST, "Host", ram, ram)
    return Circumstances(known, overheads or {}, {})


def beside(rig: Rig, *mib: int) -> Circumstances:
    """The machine that this rig is."""
    ids = [DeviceId(f"RPC0[{endpoint}]") for endpoint in rig.endpoints]
    return around(*(Reading(id_, f"RPC{i}", mib[i], mib[i]) for i, id_ in enumerate(ids)))


@dataclass
class Loaded:
    """The placement in the log of a real load."""

    reader: PlacementReader = field(default_factory=PlacementReader)
    layers: dict[str, int] = field(default_factory=dict)  # of the model itself, by device

    def mib(self, device: str) -> float:
        return sum(b.mib for b in self.reader.placement.buffers if b.device == device)

    def hear(self, line: str) -> None:
        self.reader.feed(line)
        if DONE in line:
            self.layers = {}
        elif "assigned to device" in line and self.reader.placement.layers is None:
            name = line.split("assigned to device ")[1].partition(",")[0]
            name = "Host" if is_host(name) else name
            self.layers[name] = self.layers.get(name, 0) + 1


def really(profile: Profile, engine: Engine, folder: Path) -> Loaded:
    """Load it, listen until it is there, end it."""
    socket = str(folder / f"{next(_numbers)}.sock")
    argv = rehearsal(engine, profile, socket=socket, changes=("--no-warmup",))
    found = Loaded()
    with subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            found.hear(line)
            if "model loaded" in line:
                break
        process.kill()
    return found
