"""The chat template of scripted models: ChatML with Hermes tool calls, which llama.cpp recognises."""

WANT_TOOL = "<|want_tool|>"  # the state from which the chain calls the tool

_TEMPLATE = """{%- if tools %}<|im_start|>system
{%- if messages[0].role == 'system' %}
{{ messages[0].content }}
{% endif %}
# Tools
You may call one or more functions. Function signatures are within <tools></tools> XML tags:
<tools>
{%- for t in tools %}
{{ t | tojson }}
{%- endfor %}
</tools>
For each function call, return a json object within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% elif messages[0].role == 'system' %}<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}
{%- for m in messages %}
{%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% elif m.role == 'assistant' %}<|im_start|>assistant
{% if m.reasoning_content %}<think>
{{ m.reasoning_content }}
</think>
{% endif %}{{ m.content if m.content else '' }}
{%- for c in m.tool_calls or [] %}
<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% elif m.role == 'tool' %}<|im_start|>user
<tool_response>
{{ m.content }}
</tool_response><|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if tools and messages[-1].role != 'tool' %}@@WANT@@{% endif %}
{%- endif %}"""


def chat_template(*, calls_tool: bool) -> str:
    """The Jinja source. With `calls_tool`, an offered tool puts the model in the calling state."""
    return _TEMPLATE.replace("@@WANT@@", WANT_TOOL if calls_tool else "")
