"""The SSE parser gives the same messages however the network cuts the bytes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from paddock.api.sse import SseComment, SseMessage, SseParser

STREAM = (
    b": loading glm 42%\n\n"
    b"id: 7\nevent: progress\ndata: {\ndata: }\n\n"
    b"data:no space\r\n\r\n"
    b"data: gr\xc3\xbc\xc3\x9fe\r\r"
    b"retry: 10\nunknown\n\n"
    b"data\n\n"
)
WANTED = [
    SseComment("loading glm 42%"),
    SseMessage("{\n}", "progress", "7"),
    SseMessage("no space", "message", "7"),
    SseMessage("grüße", "message", "7"),
    SseMessage("", "message", "7"),
]


def read(*pieces: bytes) -> list[SseMessage | SseComment]:
    parser = SseParser()
    return [found for piece in pieces for found in parser.feed(piece)]


def test_comments_ids_types_and_lines_of_data_are_read() -> None:
    assert read(STREAM) == WANTED


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_where_the_stream_is_cut_makes_no_difference(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    assert read(*(STREAM[a:b] for a, b in pairwise(edges))) == WANTED


def test_an_unfinished_message_is_not_given() -> None:
    assert read(b"data: half") == []
    assert read(b"data: half\n") == []
    assert read(b"data: half\n", b"\n") == [SseMessage("half")]


texts = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))


@given(
    st.lists(st.lists(texts, min_size=1, max_size=3), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_was_written_is_read_back(messages: list[list[str]], end: str) -> None:
    wire = "".join(
        "".join(f"data: {line}{end}" for line in lines) + end for lines in messages
    ).encode()
    bytes_one_by_one = (wire[i : i + 1] for i in range(len(wire)))
    assert read(*bytes_one_by_one) == [SseMessage("\n".join(lines)) for lines in messages]
