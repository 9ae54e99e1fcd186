"""What a variant sets in the body of a request, for each API, and what the client said all the same."""

import json
from typing import Any

import pytest

from paddock.config.profile import Profile
from paddock.config.variant import Variant
from paddock.http.body import wish
from paddock.http.sampling import Samplers, shaped

CHAT, COMPLETION, RAW = "/v1/chat/completions", "/v1/completions", "/completion"
MESSAGES, RESPONSES = "/v1/messages", "/v1/responses"
HI = {"role": "user", "content": "hi"}
SYSTEM = {"role": "system", "content": "Yours."}
BOTH = {"role": "system", "content": "Mine.\n\nYours."}
MINE = {"role": "system", "content": "Mine."}
PARTS = [{"type": "text", "text": "Mine.\n\n"}, {"type": "text", "text": "Yours."}]


def asked(path: str, body: Any, **settings: Any) -> dict[str, Any]:
    """The body that llama-server gets for this one."""
    variant = Variant("v", "m", 5, **settings)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    profile = Profile("m", 1, None, ())
    ruled = Samplers().ruled(profile, wish(content, "application/json"), variant, path)
    made: dict[str, Any] = json.loads(b"".join(shaped(content, ruled, variant, path)))
    return made


FORCE = {"client_samplers": ()}
TEMP = {"samplers": {"temperature": 0.25, "min_p": 0.5}}
OFF = {"thinking": False}
EFFORT = {"effort": "low"}


@pytest.mark.parametrize(
    ("path", "settings", "body", "expected"),
    [
        # samplers
        (CHAT, TEMP, {}, {"temperature": 0.25, "min_p": 0.5}),
        (CHAT, TEMP, {"temperature": 1}, {"temperature": 1, "min_p": 0.5}),
        (CHAT, TEMP, {"temperature": None}, {"temperature": 0.25, "min_p": 0.5}),
        (CHAT, TEMP, {"temperature": "warm"}, {"temperature": "warm", "min_p": 0.5}),
        (CHAT, TEMP | FORCE, {"temperature": 1, "top_p": 1}, {"temperature": 0.25, "min_p": 0.5}),
        (COMPLETION, TEMP, {}, {"temperature": 0.25, "min_p": 0.5}),
        (RAW, TEMP, {}, {"temperature": 0.25, "min_p": 0.5}),
        (RESPONSES, TEMP, {}, {"temperature": 0.25, "min_p": 0.5}),
        (MESSAGES, TEMP, {}, {"temperature": 0.25}),
        ("/v1/embeddings", TEMP, {}, {}),
        # the template
        (CHAT, OFF, {}, {"chat_template_kwargs": {"enable_thinking": False}}),
        (MESSAGES, OFF, {}, {"chat_template_kwargs": {"enable_thinking": False}}),
        (RESPONSES, OFF, {}, {"chat_template_kwargs": {"enable_thinking": False}}),
        (RAW, OFF, {}, {}),
        (
            CHAT,
            OFF | EFFORT,
            {"chat_template_kwargs": {"enable_thinking": True}},
            {"chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": "low"}},
        ),
        (
            CHAT,
            OFF | EFFORT | FORCE,
            {"chat_template_kwargs": {"enable_thinking": True, "a": 1}, "reasoning_effort": "high"},
            {"chat_template_kwargs": {"enable_thinking": False, "reasoning_effort": "low", "a": 1}},
        ),
        (
            RESPONSES,
            EFFORT | FORCE,
            {"reasoning": {"effort": "high"}},
            {"chat_template_kwargs": {"reasoning_effort": "low"}},
        ),
        (
            RESPONSES,
            EFFORT,
            {"reasoning": {"effort": "high"}},
            {
                "chat_template_kwargs": {"reasoning_effort": "low"},
                "reasoning": {"effort": "high"},
            },
        ),
        (CHAT, {"effort": "none"}, {}, {"chat_template_kwargs": {"enable_thinking": False}}),
        (CHAT, OFF, {"chat_template_kwargs": 1}, {"chat_template_kwargs": 1}),
        # budgets
        (CHAT, {"budget": 9}, {}, {"thinking_budget_tokens": 9}),
        (CHAT, {"budget": 9}, {"reasoning_budget_tokens": 5}, {"reasoning_budget_tokens": 5}),
        (
            CHAT,
            {"budget": 9} | FORCE,
            {"reasoning_budget_tokens": 5},
            {"thinking_budget_tokens": 9},
        ),
        (RESPONSES, {"budget": 9}, {}, {"thinking_budget_tokens": 9}),
        (MESSAGES, {"budget": 9}, {}, {"thinking": {"type": "enabled", "budget_tokens": 9}}),
        (
            MESSAGES,
            {"budget": 9},
            {"thinking": {"type": "adaptive"}},
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
        ),
        (
            MESSAGES,
            {"budget": 9},
            {"thinking": {"type": "enabled", "budget_tokens": 5}},
            {"thinking": {"type": "enabled", "budget_tokens": 5}},
        ),
        # lengths
        (CHAT, {"max_tokens": 10}, {}, {"max_tokens": 10}),
        (CHAT, {"max_tokens": 10}, {"max_completion_tokens": 20}, {"max_completion_tokens": 20}),
        (CHAT, {"max_tokens_limit": 10}, {}, {"max_tokens": 10}),
        (CHAT, {"max_tokens": 20, "max_tokens_limit": 10}, {}, {"max_tokens": 10}),
        (
            CHAT,
            {"max_tokens_limit": 10},
            {"max_tokens": 20, "n_predict": -1, "max_completion_tokens": 5},
            {"max_tokens": 10, "n_predict": 10, "max_completion_tokens": 5},
        ),
        (MESSAGES, {"max_tokens_limit": 10}, {"max_tokens": 4096}, {"max_tokens": 10}),
        (RESPONSES, {"max_tokens": 10}, {}, {"max_output_tokens": 10}),
        (RESPONSES, {"max_tokens_limit": 1}, {"max_output_tokens": 2}, {"max_output_tokens": 1}),
        (RAW, {"max_tokens_limit": 10}, {"n_predict": -1}, {"n_predict": 10}),
        (CHAT, {"max_tokens_limit": 10}, {"max_tokens": "x"}, {"max_tokens": "x"}),
        # stop words
        (CHAT, {"stop": ("#",)}, {}, {"stop": ["#"]}),
        (CHAT, {"stop": ("#",)}, {"stop": "END"}, {"stop": ["END", "#"]}),
        (CHAT, {"stop": ("#",)}, {"stop": ["END", "#"]}, {"stop": ["END", "#"]}),
        (CHAT, {"stop": ("#",)}, {"stop": 1}, {"stop": 1}),
        (MESSAGES, {"stop": ("#",)}, {"stop_sequences": ["E"]}, {"stop_sequences": ["E", "#"]}),
        (RAW, {"stop": ("#",)}, {}, {"stop": ["#"]}),
    ],
)
def test_what_llama_server_is_asked(path: str, settings: Any, body: Any, expected: Any):
    turns = {"input": "hi"} if path == RESPONSES else {"messages": [HI]}
    assert asked(path, turns | body, **settings) == turns | expected


BEFORE = {"system_prompt": "Mine."}
INSTEAD = BEFORE | {"replaces_system": True}


@pytest.mark.parametrize(
    ("path", "settings", "body", "expected"),
    [
        (CHAT, BEFORE, {"messages": [HI]}, {"messages": [MINE, HI]}),
        (CHAT, BEFORE, {"messages": []}, {"messages": [MINE]}),
        (CHAT, BEFORE, {"messages": [SYSTEM, HI]}, {"messages": [BOTH, HI]}),
        (
            CHAT,
            BEFORE,
            {"messages": [{"role": "developer", "content": "Yours.", "name": "x"}]},
            {"messages": [{"role": "developer", "content": "Mine.\n\nYours.", "name": "x"}]},
        ),
        (
            CHAT,
            BEFORE,
            {"messages": [{"role": "system", "content": PARTS[1:]}]},
            {"messages": [{"role": "system", "content": PARTS}]},
        ),
        (
            CHAT,
            BEFORE,
            {"messages": [{"role": "system", "content": []}]},
            {"messages": [{"role": "system", "content": PARTS[:1]}]},
        ),
        (CHAT, BEFORE, {"messages": [{"role": "system"}]}, {"messages": [MINE]}),
        (CHAT, INSTEAD, {"messages": [SYSTEM, HI, SYSTEM]}, {"messages": [MINE, HI]}),
        (CHAT, INSTEAD, {"messages": [HI]}, {"messages": [MINE, HI]}),
        (CHAT, BEFORE, {"messages": "hi"}, {"messages": "hi"}),
        (CHAT, BEFORE, {}, {}),
        (MESSAGES, BEFORE, {"messages": [HI]}, {"system": "Mine.", "messages": [HI]}),
        (
            MESSAGES,
            BEFORE,
            {"system": "Yours.", "messages": [HI]},
            {"system": "Mine.\n\nYours.", "messages": [HI]},
        ),
        (
            MESSAGES,
            BEFORE,
            {"system": PARTS[1:], "messages": [HI]},
            {"system": PARTS, "messages": [HI]},
        ),
        (
            MESSAGES,
            INSTEAD,
            {"system": PARTS, "messages": [SYSTEM, HI]},
            {"system": "Mine.", "messages": [HI]},
        ),
        (RESPONSES, BEFORE, {"input": "hi"}, {"input": "hi", "instructions": "Mine."}),
        (
            RESPONSES,
            BEFORE,
            {"input": "hi", "instructions": "Yours."},
            {"input": "hi", "instructions": "Mine.\n\nYours."},
        ),
        (
            RESPONSES,
            BEFORE,
            {"input": [{"role": "developer", "content": [{"type": "input_text", "text": "A"}]}]},
            {
                "input": [
                    {
                        "role": "developer",
                        "content": [
                            {"type": "input_text", "text": "Mine.\n\n"},
                            {"type": "input_text", "text": "A"},
                        ],
                    }
                ]
            },
        ),
        (
            RESPONSES,
            INSTEAD,
            {"input": [SYSTEM, HI], "instructions": "Yours."},
            {"input": [HI], "instructions": "Mine."},
        ),
        (RESPONSES, INSTEAD, {"input": "hi", "instructions": "Y"}, {"input": "hi", "instructions": "Mine."}),
        (COMPLETION, BEFORE, {"prompt": "hi"}, {"prompt": "hi"}),
    ],
)  # fmt: skip
def test_where_the_system_prompt_goes(path: str, settings: Any, body: Any, expected: Any):
    assert asked(path, body, **settings) == expected


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions/input_tokens"])
def test_it_is_the_same_under_every_path_of_an_api(path: str):
    assert asked(path, {"messages": [HI]}, **BEFORE) == {"messages": [MINE, HI]}


def test_what_a_variant_does_not_change_keeps_its_bytes():
    variant = Variant("v", "m", 5, system_prompt="Mine.")
    raw = b'{"n":1.50,"messages":[ {"role":"system", "content":"\\u00e4"},{"a" : 1}],"s":"\\u00e4"}'
    ruled = Samplers().ruled(Profile("m", 1, None, ()), wish(raw, ""), variant, CHAT)
    made = b"".join(shaped(raw, ruled, variant, CHAT))
    assert made == raw.replace(
        b'[ {"role":"system", "content":"', b'[{"role":"system","content":"Mine.\\n\\n'
    )


@pytest.mark.parametrize(
    ("path", "shown"), [(CHAT, {"temperature", "min_p"}), (MESSAGES, {"temperature"})]
)
def test_the_reply_says_which_samplers_hold(path: str, shown: set[str]):
    variant = Variant("v", "m", 5, samplers={"temperature": 0.25, "min_p": 0.5})
    ruled = Samplers().ruled(Profile("m", 1, None, ()), wish(b"{}", ""), variant, path)
    assert set(ruled.in_effect) == shown
