"""One call of the API whose answer is a JSON document."""

from typing import TypeVar

import msgspec

from paddock.api.connection import ApiConnection, HangUp
from paddock.errors import PaddockError

T = TypeVar("T")


class Calls:
    """Calls over this connection. Each raises `PaddockError`."""

    def __init__(self, connection: ApiConnection) -> None:
        self.connection = connection

    def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: object = None,
        *,
        patient: bool = False,
        line: HangUp | None = None,
    ) -> T:
        with self.connection.exchange(method, path, body, patient=patient, line=line) as response:
            return decoded(response.read(), kind, path)


def decoded(body: bytes, kind: type[T], path: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise strange(path, error) from error


def strange(path: str, error: msgspec.DecodeError) -> PaddockError:
    return PaddockError(
        f"{path} answered with something else than expected: {error}",
        hint="is this another program, or a daemon of another version? see `paddock version`",
    )
