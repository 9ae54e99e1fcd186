"""A variant: another name for a profile's instance, with request settings of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Variant:
    """One section with `variant-of`. It is never a process of its own."""

    id: str
    base: str  # the profile's id
    line: int  # of its section header
    title: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    hidden: bool | None = None  # None: as its name says, see `is_unlisted`
    client_samplers: tuple[str, ...] | None = None  # those that clients may set, None: all
    samplers: Mapping[str, float] = field(default_factory=dict)  # in requests' words
    template_arguments: Mapping[str, Any] = field(default_factory=dict)  # chat_template_kwargs
    thinking: bool | None = None  # whether the template is to think; None: as its profile does
    effort: str = ""  # of reasoning; `none`: the template does not think
    budget: int | None = None  # tokens of reasoning; -1: no limit
    system_prompt: str = ""
    replaces_system: bool = False  # else it is put before the client's
    max_tokens: int | None = None  # of an answer, where the client names no number
    max_tokens_limit: int | None = None  # whatever the client says
    stop: tuple[str, ...] = ()

    @property
    def is_bench(self) -> bool:
        return self.id.startswith("bench-")

    @property
    def is_unlisted(self) -> bool:
        """Whether clients' lists leave it out, as a profile of that name would be."""
        return self.is_bench if self.hidden is None else self.hidden

    @property
    def is_forced(self) -> bool:
        """Whether its settings hold whatever the client says."""
        return self.client_samplers == ()

    @property
    def arguments(self) -> dict[str, Any]:
        """The template's arguments, reasoning effort among them, as `chat_template_kwargs` takes them."""
        found = dict(self.template_arguments)
        if self.thinking is not None:
            found["enable_thinking"] = self.thinking
        if self.effort == "none":  # as llama-server reads the request's field
            found["enable_thinking"] = False
        elif self.effort:
            found["reasoning_effort"] = self.effort
        return found

    @property
    def settings(self) -> dict[str, Any]:
        """What it changes in a request, by the keys of models.conf, for people."""
        said = {
            **{name.replace("_", "-"): value for name, value in self.samplers.items()},
            "chat-template-kwargs": dict(self.template_arguments) or None,
            "reasoning": self.thinking,
            "reasoning-effort": self.effort or None,
            "reasoning-budget": self.budget,
            "system-prompt": self.system_prompt or None,
            "system-prompt-mode": "instead" if self.replaces_system else None,
            "max-tokens": self.max_tokens,
            "max-tokens-limit": self.max_tokens_limit,
            "stop": list(self.stop) or None,
        }
        return {key: value for key, value in said.items() if value is not None}
