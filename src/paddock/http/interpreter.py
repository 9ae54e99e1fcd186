"""What the relay needs of an API that llama-server does not speak itself."""

from typing import Protocol


class Interpreter(Protocol):
    """Puts an instance's reply into other words as it comes. For one request.

    To a client that does not stream nothing is said before the end; `hear` then gives nothing.
    """

    media: str  # of what the client reads

    def granted(self) -> None:
        """The wait for an instance is over."""

    def beat(self, text: str) -> bytes:
        """A sign of life for a client that streams; `text` says what is waited for."""

    def hear(self, piece: bytes) -> bytes:
        """What to say about the next piece of the reply, perhaps nothing.

        Raises PaddockError for an error in it.
        """

    def end(self) -> bytes:
        """What is left to be said once the reply is over."""
