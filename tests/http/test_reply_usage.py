"""What replies of llama-server (build 11434) say of their tokens; those with a model are in e2e/test_usage.py."""

import pytest

from paddock.http.reply_usage import ReplyUsage, Tokens

TIMINGS = (
    b'"timings":{"cache_n":20,"prompt_n":1,"prompt_ms":0.5,"prompt_per_second":1324.5,'
    b'"predicted_n":3,"predicted_ms":0.9}'
)
USAGE = (
    b'"usage":{"completion_tokens":3,"prompt_tokens":21,"total_tokens":24,'
    b'"prompt_tokens_details":{"cached_tokens":20}}'
)
CHUNK = b'data: {"choices":[{"delta":{"content":" word"}}]}\n\n'
SPOOF = rb'{"content":"\"timings\":{\"cache_n\":0,\"prompt_n\":0,\"predicted_n\":0} \"usage\":{\"prompt_tokens\":0","x":1,'
START = (
    b'event: message_start\ndata: {"message":{"usage":{"cache_read_input_tokens":20,'
    b'"input_tokens":1,"output_tokens":0}}}\n\n'
)
ANTHROPIC = b'"usage":{"cache_read_input_tokens":20,"input_tokens":1,"output_tokens":3}}'
TOOL = b'{"content":[{"type":"tool_use","input":{"usage":{"input_tokens":9,"output_tokens":9}}}],'
TOOL_TIMINGS = b'{"content":[{"type":"tool_use","input":{' + TIMINGS.replace(b"20", b"0") + b"}}],"
RESPONSES = (
    b'"usage":{"input_tokens":21,"output_tokens":3,"total_tokens":24,'
    b'"input_tokens_details":{"cached_tokens":20}}}'
)
EMBEDDED = b'{"model":"m","object":"list","usage":{"prompt_tokens":5,"total_tokens":5},"data":[[0'
NUMBERS = b"0.25," * 2000


@pytest.mark.parametrize(
    ("pieces", "counted"),
    [
        ([b"{" + USAGE + b',"id":"x",' + TIMINGS + b"}"], Tokens(21, 3)),
        ([b"{" + USAGE + b"}"], Tokens(21, 3)),
        ([CHUNK] * 9 + [b"data: {" + TIMINGS + b"}\n\n", b"data: [DONE]\n\n"], Tokens(21, 3)),
        ([b"data: {" + TIMINGS[:40], TIMINGS[40:] + b"}\n\ndata: [DONE]\n\n"], Tokens(21, 3)),
        ([CHUNK * 900 + b"data: {" + TIMINGS + b"}\n\ndata: [DONE]\n\n"], Tokens(21, 3)),
        ([START, *[CHUNK] * 9, b'data: {"usage":{"output_tokens":3}}\n\n', b"e"], Tokens(21, 3)),
        ([b"{" + ANTHROPIC], Tokens(21, 3)),
        ([b"{" + RESPONSES], Tokens(21, 3)),
        ([EMBEDDED + NUMBERS + b"]]}"], Tokens(5, 0)),
        ([EMBEDDED, NUMBERS, NUMBERS, NUMBERS, NUMBERS, b"]]}"], Tokens(5, 0)),
        ([SPOOF + USAGE + b"}"], Tokens(21, 3)),
        ([TOOL + ANTHROPIC], Tokens(21, 3)),
        ([TOOL_TIMINGS + ANTHROPIC], Tokens(21, 3)),
        ([START + CHUNK * 3 + b'data: {"usage":{"output_tokens":3}}\n\n'], Tokens(21, 3)),
        ([SPOOF + b"}"], None),
        ([], None),
        ([CHUNK] * 9, None),
        ([START, *[CHUNK] * 9], None),
        ([b'{"tokens":[1,2]}'], None),
    ],
)
def test_the_tokens_are_those_that_the_reply_reports(pieces, counted):
    tokens = ReplyUsage()
    for piece in pieces:
        tokens.hear(piece)
    assert tokens.read() == counted
