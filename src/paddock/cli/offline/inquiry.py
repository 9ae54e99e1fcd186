"""What a draft of models.conf must know first: headers of files, this machine, the engine's devices. Blocking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from paddock.config.model_folder import ModelFile
from paddock.config.model_kinds import sort_out
from paddock.core.model import HOST, DeviceId
from paddock.errors import PaddockError
from paddock.host.gpu import Vendor
from paddock.host.gpus import Gpus
from paddock.host.memory import read_memory
from paddock.llama.facts import read_each
from paddock.placement.draft import STEP, DraftEntry, context_for, plain_profile
from paddock.placement.draft_machine import Machine, machine_of
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances
from paddock.placement.survey import gpu_id, gpu_reading, host_reading

if TYPE_CHECKING:
    from paddock.api.placement import Plan
    from paddock.cli.offline.files import Files
    from paddock.config.model_kinds import Read, UsableModel
    from paddock.host.gpus import Gpu
    from paddock.importing.ollama import Manifest
    from paddock.llama.gguf import Facts, GgufError
    from paddock.placement.devices import Readings

_FOR_THIS_MACHINE = "Ollama's file names no context: this one is proposed for this machine."


class InquiryProgress(Protocol):
    """Whoever watches many small steps."""

    def show(self, what: str, done: int, of: int) -> None:
        """`done` of `of` are done of `what`."""


class Silent:
    """Nobody watches."""

    def show(self, what: str, done: int, of: int) -> None: ...


def read_headers(
    files: Sequence[ModelFile], cache_dir: Path, progress: InquiryProgress
) -> list[Read]:
    """Each file with its facts, or what is wrong with it."""
    found: dict[Path, Facts | GgufError] = {}
    for path, facts in read_each((file.path for file in files), cache_dir=cache_dir):
        found[path] = facts
        progress.show("reading headers", len(found), len(files))
    return [(file, found[file.path]) for file in files]


def machine_for(files: Files, models: Sequence[UsableModel], progress: InquiryProgress) -> Machine:
    """This machine, its devices in the order of the engine that would run these models."""
    readings, names = _readings()
    progress.show("asking the engine for its devices", 0, 1)
    smallest = min(models, key=lambda m: (m.use != "chat", m.facts.size_bytes))
    answer = _asked(files, smallest, readings)
    progress.show("asking the engine for its devices", 1, 1)
    return machine_of(
        readings, models=names, plan=answer.plan, problem=answer.problem, fits=answer.knows_fit
    )


def _readings() -> tuple[Readings, dict[DeviceId, str]]:
    """All devices, and what the GPUs are called."""
    drivers = Gpus()
    try:
        gpus = drivers.read()
    finally:
        drivers.close()
    names = engine_names(gpus)
    readings = {gpu_id(gpu): gpu_reading(gpu, names=names) for gpu in gpus}
    return readings | {HOST: host_reading(read_memory())}, {gpu_id(g): g.name for g in gpus}


_BACKENDS: dict[Vendor, str] = {"nvidia": "CUDA", "amd": "ROCm", "intel": "Vulkan"}


def engine_names(gpus: Sequence[Gpu]) -> dict[DeviceId, str]:
    """The names that CUDA, ROCm and Vulkan would give them in the drivers' order."""
    counts, names = Counter[str](), dict[DeviceId, str]()
    for gpu in gpus:
        kind = _BACKENDS[gpu.vendor]
        names[gpu_id(gpu)] = f"{kind}{counts[kind]}"
        counts[kind] += 1
    return names


def machine_by_drivers() -> Machine:
    """This machine without asking an engine: only the GPUs that drivers know, in their order."""
    readings, names = _readings()
    return machine_of(readings, models=names)


def cards() -> tuple[int, str]:
    """How many GPUs there are, and the margins that they would get in the drivers' order."""
    machine = machine_by_drivers()
    return len(machine.cards), machine.target


def kinds_of(paths: Sequence[Path], files: Files, progress: InquiryProgress) -> dict[Path, str]:
    """What the header of each file says that it is; nothing of one that cannot be read."""
    from paddock.llama.gguf import GgufError

    wanted = [ModelFile(path, path.parent) for path in dict.fromkeys(paths)]
    found = read_headers(wanted, files.paths.state_dir, progress)
    return {file.path: facts.kind for file, facts in found if not isinstance(facts, GgufError)}


def proposals(
    manifests: Sequence[Manifest], files: Files, progress: InquiryProgress
) -> Callable[[Manifest], list[tuple[str, str, str]]]:
    """What each model of Ollama's gets beside its own parameters: its use, and a context for this machine."""
    wanted = [(m, m.model) for m in manifests if m.model]
    names = {path: ModelFile(path, path.parent, m.id) for m, path in wanted}
    read_ones = read_headers(list(names.values()), files.paths.state_dir, progress)
    # A blob's name says nothing: what a model is for shows in Ollama's own name of it.
    named = [(ModelFile(_as_file(file), file.path), facts) for file, facts in read_ones]
    models = {model.file.home: model for model in sort_out(named).models}
    machine = machine_for(files, list(models.values()), progress) if models else None

    def propose(manifest: Manifest) -> list[tuple[str, str, str]]:
        model = models.get(manifest.model) if manifest.model else None
        if not model or not machine:
            return []
        entry = DraftEntry(manifest.id, model, context_for(model, machine))
        return [*_uses(entry), ("ctx-size", str(entry.context.tokens), _FOR_THIS_MACHINE)]

    return propose


def _as_file(blob: ModelFile) -> Path:
    return blob.path.with_name(f"{blob.repository.replace('/', '-')}.gguf")


def _uses(entry: DraftEntry) -> list[tuple[str, str, str]]:
    use = entry.model.use
    if use == "chat":
        return []
    keys: list[tuple[str, str, str]] = [(use, "true", f"For {use} only.")]
    ubatch = ("ubatch-size", str(entry.ubatch), "The longest input, in tokens.")
    return [*keys, ubatch] if entry.ubatch else keys


class _Answer(NamedTuple):
    """What the engine says of its devices: a plan has them in its order; else why there is none."""

    plan: Plan | None
    problem: str = ""
    knows_fit: bool = True


def _asked(files: Files, model: UsableModel, readings: Readings) -> _Answer:
    try:
        engine = files.engines.find()
    except PaddockError as error:
        return _Answer(None, f"{error.message} ({error.hint})" if error.hint else error.message)
    profile = plain_profile(model.file.path, ("--ctx-size", str(STEP)))
    # Not from the cache: the order may have been changed in the environment since.
    plan = Planner().plan(profile, engine, model.facts, Circumstances(readings, {}, {}))
    if plan.source == "engine":
        return _Answer(plan)
    problem = plan.notes[0].removeprefix("an estimate: ")
    return _Answer(None, problem, engine.flags.find("fit-target") is not None)
