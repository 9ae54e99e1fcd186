"""Bodies as llama-server reads them rightly: each of the kinds that it reads otherwise than it was meant."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.config.profile import Profile
from paddock.errors import BadRequest
from paddock.http import mending, namespaces
from paddock.http.body import decoded, wish
from paddock.http.sampling import FIELDS, NOTHING_SAID, written
from paddock.http.sampling import Samplers as Rules
from tests.http.test_sampling import FLAGS

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
SCHEMA = {"type": "object", "properties": {"a": {"type": "boolean"}}}


def mended(path: str, body: dict[str, Any]) -> Any:
    """What an instance is asked; None where the body keeps its bytes."""
    content = json.dumps(body).encode()
    if not mending.may_need(content, wish(content, "application/json"), path):
        return None
    said = decoded(content, FIELDS)
    fields = mending.mended(said, path)
    if fields is said:
        return None
    return json.loads(b"".join(written(fields, NOTHING_SAID, None, path)))


def chat_tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA}}


def response_tool(name: str, **more: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": SCHEMA, **more}


def message_tool(name: str) -> dict[str, Any]:
    return {"name": name, "input_schema": SCHEMA}


# ---- stop words ----


@pytest.mark.parametrize(
    ("path", "name", "said", "asked"),
    [
        (CHAT, "stop", "", None),
        (CHAT, "stop", [""], None),
        (CHAT, "stop", ["", "\n\n"], ["\n\n"]),
        (TEXT, "stop", ["a", ""], ["a"]),
        ("/completion", "stop", "", None),
        ("/infill", "stop", [""], None),
        (RESPONSES, "stop", [""], None),
        (MESSAGES, "stop_sequences", ["", "b"], ["b"]),
    ],
)
def test_an_empty_stop_word_is_left_out(path: str, name: str, said: Any, asked: Any):
    found = mended(path, {"model": "m", name: said, "n": 1})
    assert found == {"model": "m", "n": 1} | ({name: asked} if asked else {})


@pytest.mark.parametrize("said", ["a", ["a", "b"], [], None, 7, [7], {"": 1}, '""'])
def test_other_stop_words_are_left_alone(said: Any):
    assert mended(CHAT, {"stop": said}) is None


# ---- tools ----


@pytest.mark.parametrize(
    ("path", "choice", "tool", "asked"),
    [
        (CHAT, {"type": "function", "function": {"name": "two"}}, chat_tool, "required"),
        (RESPONSES, {"type": "function", "name": "two"}, response_tool, "required"),
        (MESSAGES, {"type": "tool", "name": "two"}, message_tool, {"type": "tool", "name": "two"}),
    ],
)
def test_a_named_tool_is_the_only_one_and_has_to_be_called(
    path: str, choice: Any, tool: Any, asked: Any
):
    tools = [tool("one"), tool("two")]
    found = mended(path, {"tools": tools, "tool_choice": choice, "x": 1})
    assert found == {"tools": [tool("two")], "tool_choice": asked, "x": 1}


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_are_the_only_ones(mode: str):
    names = ["two", "three"]
    tools = [response_tool(name) for name in ("one", *names)]
    allowed = {"mode": mode, "tools": [{"type": "function", "name": name} for name in names]}
    found = mended(RESPONSES, {"tools": tools, "tool_choice": {"type": "allowed_tools", **allowed}})
    assert found == {"tools": tools[1:], "tool_choice": mode}
    tools = [chat_tool(name) for name in ("one", *names)]
    allowed["tools"] = [{"type": "function", "function": {"name": name}} for name in names]
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    found = mended(CHAT, {"tools": tools, "tool_choice": choice})
    assert found == {"tools": tools[1:], "tool_choice": mode}


def test_a_tool_in_a_namespace_is_named_with_it():
    space = {"type": "namespace", "name": "home", "tools": [response_tool("a"), response_tool("b")]}
    choice = {"type": "function", "name": "b", "namespace": "home"}
    found = mended(RESPONSES, {"tools": [response_tool("b"), space], "tool_choice": choice})
    assert found["tools"] == [space | {"tools": [response_tool("b")]}]
    choice = {"type": "function", "name": "b"}
    found = mended(RESPONSES, {"tools": [response_tool("b"), space], "tool_choice": choice})
    assert found["tools"] == [response_tool("b")]


@pytest.mark.parametrize("kind", ["custom", "web_search", None, 7, ["function"]])
def test_a_tool_that_llama_server_skips_takes_no_function_away(kind: Any):
    patch = {"type": kind, "name": "patch"}
    choice: dict[str, Any] = {"type": "custom", "name": "patch"}
    tools = [patch, response_tool("one"), response_tool("two")]
    assert mended(RESPONSES, {"tools": tools, "tool_choice": choice}) is None
    allowed = [choice, {"type": "function", "name": "two"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": allowed}
    found = mended(RESPONSES, {"tools": tools, "tool_choice": choice})
    assert found == {"tools": [response_tool("two")], "tool_choice": "required"}


@pytest.mark.parametrize("name", [[1], {"a": 1}, 7, None])
def test_a_namespace_whose_name_is_no_text_has_no_tool_that_could_be_named(name: Any):
    space = {"type": "namespace", "name": name, "tools": [{"type": "function", "name": "x"}]}
    choice = {"type": "function", "name": "x", "namespace": "home"}
    assert mended(RESPONSES, {"tools": [space], "tool_choice": choice}) is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"tool_choice": {"type": "function", "function": {"name": "gone"}}}),
        (CHAT, {"tool_choice": "required"}),
        (CHAT, {"tool_choice": {"type": "allowed_tools", "allowed_tools": 7}}),
        (CHAT, {"tool_choice": {"type": "function", "function": 7}}),
        (MESSAGES, {"tool_choice": {"type": "any"}}),
        (MESSAGES, {"tool_choice": {"type": "tool"}}),
    ],
)
def test_what_names_no_tool_that_is_there_is_left_alone(path: str, body: Any):
    for tools in ([chat_tool("one")], [message_tool("one")], [], "none", [7]):
        assert mended(path, {**body, "tools": tools}) is None


def test_no_tool_at_all_is_meant_where_messages_say_none():
    body = {"tools": [message_tool("one")], "tool_choice": {"type": "none"}, "max_tokens": 1}
    assert mended(MESSAGES, body) == {"max_tokens": 1}


# ---- Anthropic's Messages ----


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ({}, {"enable_thinking": False}),
        ({"a": 1}, {"enable_thinking": False, "a": 1}),
        (None, {"enable_thinking": False}),
    ],
)
def test_disabled_thinking_is_switched_off_in_the_template(said: Any, asked: Any):
    body = {"thinking": {"type": "disabled"}, "chat_template_kwargs": said}
    found = mended(MESSAGES, body if said != {} else {"thinking": body["thinking"]})
    assert found["chat_template_kwargs"] == asked
    assert found["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize(
    "body",
    [
        {"thinking": {"type": "disabled"}, "chat_template_kwargs": {"enable_thinking": True}},
        {"thinking": {"type": "disabled"}, "chat_template_kwargs": 7},
        {"thinking": {"type": "enabled", "budget_tokens": 9}},
        {"thinking": "disabled"},
    ],
)
def test_other_thinking_is_left_alone(body: Any):
    assert mended(MESSAGES, body) is None


RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "1", "content": "18 degrees"}
OTHER, SAID = RESULT | {"tool_use_id": "2"}, {"type": "text", "text": "And tomorrow?"}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aa"}}


@pytest.mark.parametrize(
    ("blocks", "parts"),
    [
        ([RESULT, SAID], [[RESULT], [SAID]]),
        ([RESULT, OTHER, PICTURE, SAID], [[RESULT, OTHER], [PICTURE, SAID]]),
        ([SAID, RESULT, SAID], [[SAID], [RESULT], [SAID]]),
    ],
)
def test_what_follows_a_result_is_a_turn_of_its_own(blocks: Any, parts: Any):
    before = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": []}]
    found = mended(MESSAGES, {"messages": [*before, {"role": "user", "content": blocks}]})
    assert found["messages"] == [*before, *({"role": "user", "content": part} for part in parts)]


@pytest.mark.parametrize("content", [[RESULT], [SAID, RESULT], [RESULT, OTHER], [], "text", 7])
def test_other_turns_keep_their_bytes(content: Any):
    assert mended(MESSAGES, {"messages": [{"role": "user", "content": content}]}) is None


# ---- OpenAI's Responses ----

QUESTION = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "Yes."}
FULL = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A"}]}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
THOUGHTS = [{"type": "reasoning_text", "text": "Well."}]


@pytest.mark.parametrize(
    ("items", "asked"),
    [
        ([QUESTION, ANSWER], [QUESTION, {"type": "message"} | ANSWER]),
        ([QUESTION, ANSWER | {"type": None}], [QUESTION, {"type": "message"} | ANSWER]),
        ([QUESTION, THOUGHT, FULL], [QUESTION, FULL]),
        ([QUESTION, THOUGHT | {"content": None}, FULL], [QUESTION, FULL]),
        (
            [THOUGHT | {"summary": [{"type": "summary_text", "text": "Well."}]}, FULL],
            [
                THOUGHT
                | {"summary": [{"type": "summary_text", "text": "Well."}], "content": THOUGHTS},
                FULL,
            ],
        ),
    ],
)
def test_earlier_answers_are_said_as_llama_server_knows_them(items: Any, asked: Any):
    assert mended(RESPONSES, {"input": items})["input"] == asked


@pytest.mark.parametrize(
    "said",
    ["assistant", [QUESTION, FULL], [THOUGHT | {"content": THOUGHTS}, FULL], [7, ["assistant"]]],
)
def test_a_history_that_is_known_keeps_its_bytes(said: Any):
    assert mended(RESPONSES, {"input": said}) is None


def test_a_schema_goes_where_llama_server_looks_for_it():
    wanted = {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}
    schema = {"name": "x", "schema": SCHEMA, "strict": True}
    found = mended(RESPONSES, {"text": {"format": wanted}})
    assert found["response_format"] == {"type": "json_schema", "json_schema": schema}
    found = mended(RESPONSES, {"text": {"format": {"type": "json_object"}}, "tools": []})
    assert found["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    "body",
    [
        {"text": {"format": {"type": "text"}}},
        {"text": {"verbosity": "low"}},
        {"text": {"format": {"type": "json_object"}}, "tools": [response_tool("one")]},
        {"text": {"format": {"type": "json_object"}}, "response_format": {"type": "text"}},
        {"text": 7},
    ],
)
def test_other_formats_are_left_alone(body: Any):
    assert mended(RESPONSES, body) is None


# ---- what cannot be mended ----


def test_what_messages_cannot_say_is_not_in_effect_and_the_client_hears_of_it():
    body = {"min_p": 0.5, "top_k": 7, "output_config": {"format": {"schema": SCHEMA}}}
    content = json.dumps(body).encode()
    asked = wish(content, "application/json")
    found = Rules().ruled(Profile("m", 1, None, FLAGS), asked, None, MESSAGES)
    assert found.in_effect == {"temperature": 0.7, "top_k": 7}
    assert found.headers["x-paddock-ignored"] == "min_p, output_config"
    found = Rules().ruled(Profile("m", 1, None, FLAGS), asked, None, CHAT)
    assert (found.in_effect["min_p"], found.unheard) == (0.5, ())


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/rerank", "/tokenize", "/v1/audio"])
def test_elsewhere_nothing_is_looked_at(path: str):
    assert mended(path, {"stop": "", "thinking": {"type": "disabled"}, "input": [ANSWER]}) is None


# The words that this module looks for, at every place and with every value, so that few are in vain.
KEYS = st.sampled_from(
    [
        *("type", "name", "function", "tools", "namespace", "allowed_tools", "mode", "format"),
        *("role", "content", "summary", "text", "schema", "enable_thinking"),
    ]
)
WORDS = st.sampled_from(
    [
        *("", "x", "function", "custom", "namespace", "allowed_tools", "tool", "none", "disabled"),
        *("tool_result", "assistant", "reasoning", "json_schema", "json_object"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)
TOOLS = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "namespace", "custom"]) | JSON, "name": WORDS | JSON},
    optional={"namespace": WORDS | JSON, "function": JSON, "tools": JSON},
)
ITEMS = st.fixed_dictionaries(
    {"type": WORDS | JSON, "role": WORDS | JSON},
    optional={"content": JSON, "summary": JSON},
)
NESTED = st.fixed_dictionaries(
    {"type": st.just("namespace"), "name": JSON, "tools": st.lists(TOOLS, min_size=1, max_size=2)}
)
OFFERED = {"tools": st.lists(TOOLS | NESTED, max_size=3) | JSON, "tool_choice": TOOLS | JSON}
TURNS = st.lists(ITEMS, max_size=3) | JSON
FIELDS_OF: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    CHAT: OFFERED | {"stop": JSON},
    TEXT: {"stop": JSON},
    RESPONSES: OFFERED
    | dict.fromkeys(["stop", "text", "response_format"], JSON)
    | {"input": TURNS},
    MESSAGES: OFFERED
    | dict.fromkeys(["stop_sequences", "thinking", "chat_template_kwargs", "output_config"], JSON)
    | {"messages": TURNS},
}
ASKED = st.one_of(
    *(st.tuples(st.just(path), st.fixed_dictionaries(f)) for path, f in FIELDS_OF.items()),
    st.tuples(st.sampled_from(list(FIELDS_OF)), JSON),
)


@settings(max_examples=120, deadline=None)
@given(ASKED, st.integers(0, 1200) | st.none())
def test_any_body_is_mended_left_alone_or_refused(asked: tuple[str, Any], depth: int | None):
    """Nothing that a client sends is a fault of ours; what it is made into is JSON as well."""
    path, body = asked
    content = json.dumps(body).encode()
    if depth is not None:  # somewhere in it, as far as can be read and farther
        content = content.replace(b'"x"', b"[" * depth + b"]" * depth)
    try:
        said = decoded(content, FIELDS)
        if mending.may_need(content, wish(content, "application/json"), path):
            fields = mending.mended(said, path)
            json.loads(content := b"".join(written(fields, NOTHING_SAID, None, path)))
        mending.unheard(wish(content, "application/json"), path)
        namespaces.flattened(content)
    except BadRequest:
        pass
