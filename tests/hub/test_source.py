"""The key `source` says where a file is from, and is read back."""

import pytest

from paddock.hub.names import HubName
from paddock.hub.repository import HubFile
from paddock.hub.source import FileSource

NAME = HubName("acme", "Parrot-GGUF")


@pytest.mark.parametrize(
    "source",
    [
        FileSource(NAME, "c" * 40, HubFile("sub/a b.gguf", 0, "0" * 64)),
        FileSource(NAME, "c" * 40, HubFile("a.gguf", 0, "", "1" * 40)),
        FileSource(HubName("a", "b", revision="dev"), "c" * 40, HubFile("a.gguf", 0, "0" * 64)),
        FileSource(HubName("a", "b", endpoint="http://mirror:8000"), "c" * 40, HubFile("a.gguf", 0, "0" * 64)),
    ],
)  # fmt: skip
def test_what_is_written_is_read_back(source: FileSource) -> None:
    assert FileSource.parsed(str(source)) == source


@pytest.mark.parametrize(
    "text",
    ["", "from a friend", "hf:a/b@main/x.gguf sha256:" + "0" * 64, f"hf:a/b@{'c' * 40}/../x.gguf sha256:{'0' * 64}"],
)  # fmt: skip
def test_what_a_person_wrote_there_is_left_to_him(text: str) -> None:
    assert FileSource.parsed(text) is None
