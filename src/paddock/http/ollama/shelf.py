"""The models as Ollama lists them: tags, running ones, one in full. Pure.

Ollama's names have a tag, `NAME:latest` where none is given, and clients rely on it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from paddock.api.models import ModelCard
from paddock.api.types import InstanceInfo
from paddock.config.profile import LATEST
from paddock.http.ollama.wire import Details, RunningModel, Shown, Tag
from paddock.llama.gguf import Facts

_MIB = 1 << 20
_FOREVER = 36_500 * 86_400.0  # seconds; Ollama's own "never" is a date far away, too
_WORDS = {"chat": "", "completion": "completion", "rerank": ""}  # Ollama's capabilities


def name_of(card: ModelCard) -> str:
    """`glm-flash:latest`; an id that has a tag keeps it."""
    return card.id if ":" in card.id else card.id + LATEST


def tag(card: ModelCard, began: str) -> Tag:
    """A row of the list."""
    return Tag(
        name=name_of(card),
        model=name_of(card),
        modified_at=card.modified or began,
        size=card.size_bytes,
        digest=_digest(card),
        details=_details(card),
        capabilities=capabilities(card),
    )


def running(card: ModelCard, instance: InstanceInfo, idle_end: float | None) -> RunningModel:
    """A row of the loaded ones; `idle_end`: seconds until it is unloaded, None: it stays."""
    left = _FOREVER if idle_end is None else min(idle_end, _FOREVER)
    held = instance.demand_mib
    return RunningModel(
        name=name_of(card),
        model=name_of(card),
        size=sum(held.values()) * _MIB or card.size_bytes,
        digest=_digest(card),
        details=_details(card),
        expires_at=(datetime.now(UTC) + timedelta(seconds=left)).isoformat(),
        size_vram=sum(mib for device, mib in held.items() if device.lower() != "host") * _MIB,
        context_length=card.context,
    )


def shown(card: ModelCard, facts: Facts | None, began: str) -> Shown:
    """One in full. The model's template is in its file, and llama-server's business."""
    return Shown(
        modelfile=f"# {card.id}, a profile of Paddock\nFROM {name_of(card)}\n{_lines(card.samplers)}",
        parameters=_lines(_parameters(card)).replace("PARAMETER ", ""),
        template="{{ .Prompt }}",
        details=_details(card),
        model_info=_info(card, facts),
        capabilities=capabilities(card),
        modified_at=card.modified or began,
    )


def capabilities(card: ModelCard) -> list[str]:
    """In Ollama's words."""
    return [word for ability in card.abilities if (word := _WORDS.get(ability, ability))]


def _details(card: ModelCard) -> Details:
    family = card.architecture or "unknown"
    return Details(
        family=family,
        families=[family],
        parameter_size=_parameter_size(card.parameters),
        quantization_level=card.quantisation or "unknown",
        context_length=card.context,
    )


def _parameter_size(count: int) -> str:
    """`7.6B`, `137M`."""
    if not count:
        return ""
    if count >= 1e9:
        return f"{count / 1e9:.1f}B"
    return f"{count / 1e6:.0f}M" if count >= 1e6 else f"{count / 1e3:.0f}K"


def _digest(card: ModelCard) -> str:
    """Stands for the model's file as it is now; nobody reads gigabytes for it."""
    return sha256(f"{card.id}\0{card.size_bytes}\0{card.modified}".encode()).hexdigest()


def _parameters(card: ModelCard) -> dict[str, float]:
    context = {"num_ctx": float(card.context)} if card.context else {}
    return context | card.samplers


def _lines(parameters: Mapping[str, float]) -> str:
    return "\n".join(f"PARAMETER {name} {value:g}" for name, value in parameters.items())


def _info(card: ModelCard, facts: Facts | None) -> dict[str, Any]:
    """GGUF's own keys. The context is what a request gets, since clients size their prompts by it."""
    arch = card.architecture or "unknown"
    known: dict[str, Any] = {
        "general.architecture": arch,
        "general.basename": card.title or card.id,
        "general.parameter_count": card.parameters or None,
        f"{arch}.context_length": card.context,
    }
    if facts:
        known |= {
            f"{arch}.block_count": facts.n_layers,
            f"{arch}.embedding_length": facts.n_embd,
            f"{arch}.attention.head_count": facts.heads,
            f"{arch}.attention.head_count_kv": max(facts.kv_heads, default=None),
            f"{arch}.expert_count": facts.experts or None,
        }
    return {key: value for key, value in known.items() if value is not None}
