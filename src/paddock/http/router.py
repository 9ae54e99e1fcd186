"""llama.cpp's router, in its own words: its list, its verbs, its events, so that its clients work.

Source of the shapes: tools/server/README.md and server-models.cpp of llama.cpp, build 11434; what
the router cannot know (size of the whole, reasons) is in the `paddock` object beside its fields.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec

from paddock.api.events import (
    AnyEvent,
    ConfigChanged,
    InstanceChanged,
    InstanceEnded,
    PullChanged,
    SwitchProgress,
)
from paddock.api.models import ModelCard
from paddock.api.pulls import PullInfo
from paddock.api.types import InstanceInfo, ProfileInfo, State

_VALUES: dict[State, str] = {
    "unloaded": "unloaded",
    "queued": "loading",
    "loading": "loading",
    "ready": "loaded",
    "busy": "loaded",
    "draining": "loaded",
    "stopping": "unloaded",
    "failed": "unloaded",
}


_LOADING = {"status": "loading"}


class ModelStatus(msgspec.Struct, omit_defaults=True):
    """How a model is, in the router's words."""

    value: str  # `unloaded`, `loading`, `loaded`
    args: list[str]
    preset: str  # as a section of a preset file would say it
    failed: bool = False
    exit_code: int | None = None


class Model(msgspec.Struct, kw_only=True):
    """One model for clients of OpenAI, of Anthropic, and of llama.cpp's router, all at once."""

    id: str
    object: str = "model"
    type: str = "model"
    created: int  # Unix time
    created_at: str
    owned_by: str = "paddock"
    display_name: str
    aliases: list[str]
    tags: list[str] = []
    status: ModelStatus
    architecture: dict[str, list[str]]  # its modalities, as the router and OpenRouter list them
    capabilities: list[str]
    context_length: int | None
    max_model_len: int | None  # the same, as vLLM calls it
    source: str = "preset"
    can_remove: bool = False
    meta: dict[str, Any]
    paddock: ProfileInfo


class Models(msgspec.Struct, kw_only=True):
    """The list; the last three fields are Anthropic's."""

    object: str = "list"
    data: list[Model]
    has_more: bool = False
    first_id: str | None = None
    last_id: str | None = None


class LoadRequest(msgspec.Struct):
    """Body of load and unload."""

    model: str


class Success(msgspec.Struct):
    """The router's way of saying yes."""

    success: bool = True


def model(profile: ProfileInfo, card: ModelCard, created: int, created_at: str) -> Model:
    """A profile as a row of the list."""
    sees = ["image"] if "vision" in card.abilities else []
    return Model(
        id=profile.id,
        created=created,
        created_at=created_at,
        display_name=profile.title or profile.id,
        aliases=profile.aliases,
        status=status_of(profile),
        architecture={"input_modalities": ["text", *sees], "output_modalities": ["text"]},
        capabilities=card.abilities,
        context_length=card.context,
        max_model_len=card.context,
        meta=_meta(card),
        paddock=profile,
    )


class DownloadingStatus(msgspec.Struct):
    """How a download is, in the router's words."""

    value: str = "downloading"
    args: list[str] = []


class DownloadingRow(msgspec.Struct, kw_only=True):
    """A download as a row of the list, with the fields that the router's own has: no profile yet."""

    id: str
    object: str = "model"
    created: int
    owned_by: str = "paddock"
    aliases: list[str] = []
    tags: list[str] = []
    status: DownloadingStatus = msgspec.field(default_factory=DownloadingStatus)
    architecture: dict[str, list[str]]
    source: str = "cache"
    can_remove: bool = True


def coming(pull: PullInfo, created: int) -> DownloadingRow:
    """A download under way; `DELETE /models` of its name ends it."""
    text = {"input_modalities": ["text"], "output_modalities": ["text"]}
    return DownloadingRow(id=pull.model, created=created, architecture=text)


def _meta(card: ModelCard) -> dict[str, Any]:
    """As far as the files show; llama-server's own has more, once a model is loaded."""
    known = {
        "n_ctx": card.context,
        "n_ctx_train": card.context_trained,
        "n_params": card.parameters,
        "size": card.size_bytes,
        "ftype": card.quantisation,
    }
    return {name: value for name, value in known.items() if value}


def status_of(profile: ProfileInfo) -> ModelStatus:
    failure = profile.failure
    return ModelStatus(
        value=_VALUES[profile.state],
        args=profile.args,
        preset=_preset(profile),
        failed=failure is not None,
        exit_code=failure.exit_code if failure else None,
    )


def _preset(profile: ProfileInfo) -> str:
    """Its flags as llama.cpp's own presets are written; a flag without a value is `true`."""
    lines, words = [f"[{profile.id}]"], [*profile.args, "--"]
    for word, after in pairwise(words):
        if word.startswith("--"):
            lines.append(f"{word[2:]} = {'true' if after.startswith('--') else after}")
    return "\n".join(lines) + "\n\n"


def _no_settings() -> dict[str, Any]:
    return {"params": None, "n_ctx": 0}


class Props(msgspec.Struct, kw_only=True):
    """What the router says of itself: how its web page and its clients know that it is one."""

    role: str = "router"
    max_instances: int  # 0: as many as fit
    models_autoload: bool = True
    model_alias: str = "llama-server"
    model_path: str = "none"
    default_generation_settings: dict[str, Any] = msgspec.field(default_factory=_no_settings)
    ui_settings: dict[str, Any] = {}
    build_info: str
    cors_proxy_enabled: bool = False


def build_info(version: str) -> str:
    """As llama.cpp says it, `b11434-…`: its clients look for the `b`. 0 where the build is unknown."""
    found = re.search(r"build (\d+)|^(\d+) \(|^xllamacpp \d+\.\d+\.(\d+)", version)
    number = next((part for part in found.groups() if part), "0") if found else "0"
    return f"b{number}-{version or 'unknown'}"


def events_of(event: AnyEvent, row: Callable[[str], Model | None]) -> list[bytes]:
    """What the router would send for this; empty where it has no word for it.

    `row`: a profile as it is listed, which the router sends when it has been loaded.
    """
    match event:
        case InstanceChanged(instance=InstanceInfo(phase="starting", profile=profile)):
            return [_data({"model": profile, "event": "model_status", "data": _LOADING})]
        case InstanceChanged(instance=InstanceInfo(phase="ready", profile=profile)):
            # The profile's own state follows a moment later, when the scheduler has heard of it.
            return [_changed(profile, {"status": "loaded", "info": row(profile)})]
        case InstanceChanged():
            return [_changed(event.instance.profile, {"status": _VALUES[event.state]})]
        case InstanceEnded():
            code = event.failure.exit_code if event.failure else 0
            return [_changed(event.profile, {"status": "unloaded", "exit_code": code})]
        case SwitchProgress() if event.progress.stage == "loading":
            return [_changed(event.profile, {"status": "loading", "progress": _progress(event)})]
        case PullChanged():
            return _of_pull(event.pull)
        case ConfigChanged():
            gone = [removed(profile) for profile in event.removed]
            return [*gone, _data({"model": "*", "event": "models_reload"})]
        case _:
            return []


_PULL_ENDS = {
    "done": "download_finished",
    "failed": "download_failed",
    "cancelled": "download_failed",
}


def _of_pull(pull: PullInfo) -> list[bytes]:
    """As server-models.cpp sends it, which is otherwise than its README shows: under `progress`, by address."""
    if event := _PULL_ENDS.get(pull.state):
        return [_data({"model": pull.model, "event": event, "data": {}})]
    files = {file.path: {"done": file.done, "total": file.size} for file in pull.files}
    if pull.state != "running" or not files:
        return []
    return [_data({"model": pull.model, "event": "download_progress", "data": {"progress": files}})]


def removed(profile: str) -> bytes:
    """What it sends of a model that was removed."""
    return _data({"model": profile, "event": "model_remove", "data": {}})


def _progress(event: SwitchProgress) -> dict[str, Any]:
    part = event.progress.part or "text_model"
    return {"stages": [part], "current": part, "value": event.progress.fraction or 0.0}


def _changed(profile: str, data: dict[str, Any]) -> bytes:
    return _data({"model": profile, "event": "status_change", "data": data})


def _data(message: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(message) + b"\n\n"
