"""What the dashboard asks of the daemon, as a seam: the real API client, or a fake in tests."""

from collections.abc import Iterator
from typing import Protocol

from paddock.api.activity import Preview
from paddock.api.connection import HangUp
from paddock.api.placement import History, Plan
from paddock.api.profiles import ProfileDetail
from paddock.api.types import ModelResult, SwitchResult


class DaemonCalls(Protocol):
    """The verbs of `paddock.api.client.Client` that the dashboard uses; each may raise PaddockError."""

    @property
    def url(self) -> str: ...
    def switch(self, model: str, wait: bool = True) -> SwitchResult: ...
    def unload(self, model: str | None = None, *, wait: bool = True) -> ModelResult: ...
    def cancel(self, model: str | None = None) -> list[str]: ...
    def cancel_request(self, request: int) -> None: ...
    def profile(self, model: str) -> ProfileDetail: ...
    def preview(self, model: str) -> Preview: ...
    def plan(self, profile: str) -> Plan: ...
    def history(self, profile: str, limit: int | None = None) -> History: ...
    def logs(
        self,
        name: str | None,
        lines: int | None = None,
        *,
        follow: bool = False,
        every_run: bool = False,
        line: HangUp | None = None,
    ) -> Iterator[bytes]: ...
