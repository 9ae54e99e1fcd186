"""The tools that agents are offered: their names, what they take and give, and how harmless they are."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from paddock.api.types import State

_Model = Annotated[str, Meta(description="A model's id or alias, as list_models gives it")]


class Nothing(msgspec.Struct):
    """No arguments."""


class ModelName(msgspec.Struct):
    """Which model."""

    model: _Model


class Question(msgspec.Struct):
    """One prompt for one model."""

    model: _Model
    prompt: Annotated[str, Meta(description="What to ask; the model sees nothing else")]
    system: Annotated[str, Meta(description="A system prompt")] = ""
    max_tokens: Annotated[
        int, Meta(ge=0, description="Generate at most this many; 0: the model decides")
    ] = 0


class ListedModel(msgspec.Struct, kw_only=True):
    """One model; None where a value is unknown."""

    id: str
    title: str
    description: str
    aliases: list[str]
    state: State
    context: int | None  # tokens
    speed: float | None  # generated tokens/s, measured last or expected
    size_mib: int | None
    load_seconds: float | None  # of its last load


class ModelList(msgspec.Struct):
    models: list[ListedModel]


class LoadedModel(msgspec.Struct, kw_only=True):
    """One model in memory, or being loaded."""

    model: str
    instance: str
    phase: str
    requests: int
    fraction: float | None = None  # of the load's present stage


class DeviceMemory(msgspec.Struct, kw_only=True):
    device: str
    total_mib: int | None
    free_mib: int | None


class StableStatus(msgspec.Struct, kw_only=True):
    """What runs, what waits, what is free."""

    current: str | None
    running: list[LoadedModel]
    waiting: dict[str, int]
    memory: list[DeviceMemory]
    version: str


class Switched(msgspec.Struct, kw_only=True):
    model: str
    instance: str
    seconds: float


class Answered(msgspec.Struct, kw_only=True):
    model: str
    text: str
    finish_reason: str  # `stop`, or `length` where max_tokens cut it off
    prompt_tokens: int | None = None
    generated_tokens: int | None = None


class YieldWish(msgspec.Struct, kw_only=True):
    """Leave the GPUs to other programs, or take them back."""

    seconds: float | None = None  # None: until `resume`
    resume: bool = False


class YieldReport(msgspec.Struct, kw_only=True):
    yielded: bool
    until: str | None
    leaving: list[str]
    staying: list[str]


class PullWish(msgspec.Struct, kw_only=True):
    """Which model of a hub."""

    model: Annotated[
        str, Meta(description="OWNER/REPO of the Hugging Face hub, :QUANT behind it to choose one")
    ]


class PullReport(msgspec.Struct, kw_only=True):
    """How a download goes; calling again says how it goes by then."""

    state: str  # `running`, `paused`, `done`, `failed`, `cancelled`
    quantisation: str
    done_bytes: int
    size_bytes: int
    profile: str  # the model to ask, once it is done
    error: str


class Unloaded(msgspec.Struct):
    unloading: list[str]


class Tool(msgspec.Struct, kw_only=True, frozen=True):
    """One tool and what may be said of it."""

    name: str
    title: str
    description: str
    takes: type[Any]
    gives: type[Any]
    reads: bool = False  # it changes nothing
    destroys: bool = False  # it may undo what somebody else set up
    repeats: bool = True  # doing it twice is doing it once

    def listed(self) -> dict[str, Any]:
        """As `tools/list` shows it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": schema(self.takes),
            "outputSchema": schema(self.gives),
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.reads,
                "destructiveHint": self.destroys,
                "idempotentHint": self.repeats,
                "openWorldHint": False,
            },
        }


def schema(kind: type[Any]) -> dict[str, Any]:
    """The JSON schema of a type in one piece: some clients cannot follow references."""
    (top,), parts = msgspec.json.schema_components([kind], ref_template="{name}")
    found = _inlined(top, parts)
    assert isinstance(found, dict)
    return found


def _inlined(part: Any, parts: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(one, parts) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(parts[part["$ref"]], parts)
    return {key: _inlined(value, parts) for key, value in part.items()}


_ALL = (
    Tool(
        name="list_models",
        title="List local models",
        description="Every local model that can be asked: what it is for, its context in tokens, "
        "its speed, and whether it is loaded (state `ready` or `busy`).",
        takes=Nothing,
        gives=ModelList,
        reads=True,
    ),
    Tool(
        name="status",
        title="What runs now",
        description="Which models are loaded or loading, how many requests they serve, who waits, "
        "and how much memory each device has left.",
        takes=Nothing,
        gives=StableStatus,
        reads=True,
    ),
    Tool(
        name="switch_model",
        title="Load a model",
        description="Make a model ready and wait until it is; others may be unloaded for it. Says "
        "why where it cannot be. Not needed before ask_model, which loads by itself.",
        takes=ModelName,
        gives=Switched,
        destroys=True,
    ),
    Tool(
        name="ask_model",
        title="Ask a local model",
        description="Send one prompt to a local model and get its answer. The model is loaded "
        "first if it must be. It has no tools and no memory of earlier calls.",
        takes=Question,
        gives=Answered,
        repeats=False,
    ),
    Tool(
        name="unload_model",
        title="Unload a model",
        description="Free the memory of a model as soon as its running requests are done.",
        takes=ModelName,
        gives=Unloaded,
        destroys=True,
    ),
    Tool(
        name="pull_model",
        title="Fetch a model from the Hugging Face hub",
        description="Start fetching a GGUF model, the largest quantisation that fits here unless one is named, and "
        "add it to the local models. Returns at once; called again it says how far it is. Some GB of disk and network.",
        takes=PullWish,
        gives=PullReport,
    ),
    Tool(
        name="yield_gpus",
        title="Leave the GPUs to other programs",
        description="Unload everything that lies on a GPU, for `seconds` or until this is called with "
        "`resume`; then what ran comes back. Requests to models that need a GPU wait or are refused "
        "meanwhile.",
        takes=YieldWish,
        gives=YieldReport,
        destroys=True,
    ),
)
TOOLS = {tool.name: tool for tool in _ALL}
