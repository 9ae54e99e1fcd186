"""Ollama's requests in llama-server's words, and its replies the other way, piece by piece."""

import json
from typing import Any

import msgspec
import pytest

from paddock.errors import BadRequest, PaddockError
from paddock.http.ollama import requests
from paddock.http.ollama.responses import EmbeddingReply, GenerationReply
from paddock.http.ollama.wire import ChatMessage, ChatRequest, GenerateRequest


def event(**fields: Any) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


def delta(**fields: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": fields, "finish_reason": None}])


def lines(said: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


# ---- what is asked ----


def test_tool_calls_get_numbers_and_their_answers_find_them_by_name():
    calls = [{"function": {"name": name, "arguments": {"n": 1}}} for name in ("first", "second")]
    question = requests.chat(
        ChatRequest(
            messages=[
                ChatMessage(role="assistant", tool_calls=calls),
                ChatMessage(role="tool", tool_name="second", content="2"),
                ChatMessage(role="tool", content="1"),
                ChatMessage(role="assistant", tool_calls=calls[:1]),
                ChatMessage(role="tool", tool_name="first", content="1"),
            ]
        )
    )
    turns = question.body["messages"]
    assert [call["id"] for call in turns[0]["tool_calls"]] == ["call_0", "call_1"]
    assert turns[0]["tool_calls"][0]["function"]["arguments"] == '{"n":1}'
    assert [t["tool_call_id"] for t in turns if "tool_call_id" in t] == [
        "call_1",
        "call_0",
        "call_2",
    ]


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("iVBORw0", "data:image/png;base64,iVBORw0"),
        ("/9j/4AAQ", "data:image/jpeg;base64,/9j/4AAQ"),
        ("data:image/gif;base64,R0lG", "data:image/gif;base64,R0lG"),
    ],
)
def test_images_are_recognised_by_their_first_letters(image: str, url: str):
    raw = msgspec.Raw(json.dumps(image).encode())
    message = ChatMessage(role="user", content="What?", images=[raw])
    pieces = requests.chat(ChatRequest(messages=[message])).pieces()
    content = json.loads(b"".join(pieces))["messages"][0]["content"]
    assert content[0] == {"type": "text", "text": "What?"}
    assert content[1] == {"type": "image_url", "image_url": {"url": url}}


def test_options_are_mapped_or_reported():
    options = {"temperature": 0.5, "num_predict": 7, "stop": ["x"], "num_keep": 4, "num_ctx": 4096}
    question = requests.chat(ChatRequest(messages=[], options=options | {"use_mmap": True}))
    assert question.left_out == ["num_ctx", "use_mmap"]
    expected = {"temperature": 0.5, "max_tokens": 7, "stop": ["x"], "n_keep": 4}
    assert expected.items() <= question.body.items()


@pytest.mark.parametrize("endless", [-1, -2])
def test_an_endless_answer_is_the_default(endless: int):
    assert "max_tokens" not in requests.chat(ChatRequest(options={"num_predict": endless})).body


def test_a_gap_is_filled_and_what_that_cannot_take_is_reported():
    wanted = GenerateRequest(prompt="def f(", suffix="return x", system="Be short.", context=[1])
    question = requests.generate(wanted)
    assert question.path == "/infill"
    assert question.body["input_prefix"] == "def f("
    assert question.left_out == ["context", "system"]


@pytest.mark.parametrize(
    ("think", "kwargs"),
    [
        (True, {"enable_thinking": True}),
        (False, {"enable_thinking": False}),
        ("high", {"enable_thinking": True, "reasoning_effort": "high"}),
    ],
)
def test_thinking_is_asked_for_in_the_templates_words(think: Any, kwargs: dict[str, Any]):
    assert requests.chat(ChatRequest(think=think)).body["chat_template_kwargs"] == kwargs


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("300", 300), (-1, -1), ("-1m", -60), (0, 0), ("250ms", 0.25)],
)
def test_durations(text: Any, seconds: float):
    assert requests.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "m5", "nan", "inf", "1h" * 2_000_000])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(BadRequest, match="keep_alive"):
        requests.seconds(text)


# ---- what is answered ----


def test_how_the_stream_is_cut_makes_no_difference():
    stream = delta(content="Hé") + delta(content="llo") + b"data: [DONE]\n\n"
    for size in (1, 3, 1000):
        reply = GenerationReply("m", "chat", streams=True)
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        said = b"".join(map(reply.hear, pieces)) + reply.end()
        assert [line["message"]["content"] for line in lines(said)] == ["Hé", "llo", ""]


def test_who_does_not_stream_hears_it_all_at_once():
    reply = GenerationReply("m", "generate", streams=False)
    assert reply.hear(delta(reasoning_content="Hm.") + delta(content="Yes.")) == b""
    reply.hear(event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2}))
    [line] = lines(reply.end())
    assert (line["thinking"], line["response"], line["done"]) == ("Hm.", "Yes.", True)
    assert (line["prompt_eval_count"], line["eval_count"]) == (3, 2)


def test_a_tool_call_that_came_in_pieces_is_passed_on_whole():
    reply = GenerationReply("m", "chat", streams=True)
    for name, arguments in (("weather", ""), (None, '{"ci'), (None, 'ty":1}')):
        function = {"name": name, "arguments": arguments}
        assert reply.hear(delta(tool_calls=[{"index": 0, "function": function}])) == b""
    call, last = lines(reply.end())
    written = {"function": {"name": "weather", "arguments": {"city": 1}}}
    assert (call["message"]["tool_calls"], call["done"], last["done"]) == ([written], False, True)


def test_arguments_that_are_no_json_are_reported_as_they_are():
    reply = GenerationReply("m", "chat", streams=False)
    function = {"name": "f", "arguments": '{"cut'}
    reply.hear(delta(tool_calls=[{"index": 0, "function": function}]))
    [line] = lines(reply.end())
    assert line["message"]["tool_calls"][0]["function"]["arguments"] == {"unreadable": '{"cut'}


def test_a_native_stream_is_reported_with_its_counts():
    reply = GenerationReply("m", "generate", streams=True)
    said = reply.hear(event(content="x", stop=False))
    timings = {"prompt_ms": 1.5, "predicted_ms": 2.0}
    last = {"content": "", "stop": True, "stop_type": "limit", "timings": timings}
    said += reply.hear(event(**last, tokens_evaluated=3, tokens_predicted=1)) + reply.end()
    first, end = lines(said)
    assert first["response"] == "x"
    assert (end["done_reason"], end["eval_count"], end["eval_duration"]) == ("length", 1, 2_000_000)


def test_an_error_in_the_stream_is_an_error():
    error = {"code": 500, "message": "out of memory", "type": "server_error"}
    with pytest.raises(PaddockError, match="out of memory"):
        GenerationReply("m", "chat", streams=True).hear(event(error=error))


@pytest.mark.parametrize("reply", [b"", b"{}", b'{"data": 7}'])
def test_a_reply_without_embeddings_is_an_error(reply: bytes):
    embedder = EmbeddingReply("m", is_older=False)
    embedder.hear(reply)
    with pytest.raises(PaddockError, match="no embeddings"):
        embedder.end()


def test_embeddings_come_in_the_order_of_their_texts():
    embedder = EmbeddingReply("m", is_older=False)
    rows = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    embedder.hear(msgspec.json.encode({"data": rows, "usage": {"prompt_tokens": 4}}))
    written = json.loads(embedder.end())
    assert (written["embeddings"], written["prompt_eval_count"]) == ([[1.0], [2.0]], 4)
