"""What a chat template handles, judged by what its text mentions, not by what it does with it.

llama-server runs the template to find out (`common/jinja/caps.cpp`, published in /props, and for
thinking `common/chat-diff-analyzer.cpp`); these rules ask the text for the same things. Held
against build 11434 with the 67 templates of its `models/templates`: the same answer for tools and
system in all, for thinking in 60; of the others it knows four by name and does not see three think.
"""

import re
from collections.abc import Iterator

_CODE = re.compile(
    r"\{[{%](.*?)[%}]\}", re.DOTALL
)  # expressions and statements, not the text between

# The variable `tools` (caps: the name of an offered tool is read).
_TOOLS = re.compile(r"(?<![.\w'\"])tools\b")
# What llama-server sets or sends for reasoning, and the markers of the templates that only cut it
# out of the history ("old Qwen/Deepseek thinking template" in chat-diff-analyzer.cpp).
_THINKING = re.compile(
    r"reasoning_content|reasoning_effort|enable_thinking|\.thinking\b|</?think(?:ing)?>|\[/?THINK\]"
)
# A message's role is compared with `system`, or printed whatever it is.
_SYSTEM = re.compile(r"""['"]system['"]""")
_ANY_ROLE = re.compile(r"""\{\{[^{}]*\b\w+(?:\.role\b|\[['"]role['"]\])""")
_REFUSED = re.compile(r"system role (?:is )?not supported", re.IGNORECASE)
# A part of a message is compared with one of the types of OpenAI's content parts.
_IMAGES = re.compile(r"""['"]image(?:_url)?['"]""")
_AUDIO = re.compile(r"""['"](?:input_)?audio['"]""")


def handled(*templates: str) -> tuple[str, ...]:
    """Some of `tools`, `thinking`, `system`, `images`, `audio`, in this order."""
    return tuple(_words("\n".join(templates)))


def _words(text: str) -> Iterator[str]:
    code = "\n".join(_CODE.findall(text))
    if _TOOLS.search(code):
        yield "tools"
    if _THINKING.search(text):
        yield "thinking"
    if (_SYSTEM.search(code) or _ANY_ROLE.search(text)) and not _REFUSED.search(text):
        yield "system"
    if _IMAGES.search(code):
        yield "images"
    if _AUDIO.search(code):
        yield "audio"
