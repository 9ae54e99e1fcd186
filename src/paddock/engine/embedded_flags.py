"""What the embedded engine cannot do although its parser knows the flag. Pure.

Found by running the wheel (xllamacpp 2026.10.11549) beside a native llama-server. Everything else was
the same in both: every HTTP route, the web UI, tools, slots, sleeping, logs, the child protocol.
"""

import re
from collections.abc import Iterator, Sequence

_ROUTER = "xllamacpp is built without llama-server's router mode; Paddock takes its place"
_RPC = "xllamacpp is built without RPC devices"
_TLS = "xllamacpp's server is built without TLS; Paddock talks to it over a Unix socket"
_DOWNLOAD = "xllamacpp takes a model by its path only; download it first and name it with --model"
_FETCHED = "xllamacpp takes a model by its path only; Paddock puts the path there once it has fetched the file"

_REASONS: dict[str, tuple[str, ...]] = {
    _ROUTER: (
        "--models-dir", "--models-preset", "--models-max",
        "--models-autoload", "--no-models-autoload",
    ),
    _RPC: ("--rpc",),
    _TLS: ("--ssl-key-file", "--ssl-cert-file"),
    _DOWNLOAD: (
        "-mu", "--model-url", "-dr", "--docker-repo",
        # presets that stand for a download
        "--embd-gemma-default", "--fim-qwen-1.5b-default", "--fim-qwen-3b-default",
        "--fim-qwen-7b-default", "--fim-qwen-7b-spec", "--fim-qwen-14b-spec",
        "--fim-qwen-30b-default", "--gpt-oss-20b-default", "--gpt-oss-120b-default",
        "--vision-gemma-4b-default", "--vision-gemma-12b-default",
    ),
}  # fmt: skip

REFUSED = {flag: reason for reason, flags in _REASONS.items() for flag in flags}
# Known to models.conf all the same: none of them reaches the wheel when its file is here.
_NEVER_PASSED = dict.fromkeys(("-hf", "-hfr", "--hf-repo", "-hff", "--hf-file"), _FETCHED)


def refusals(argv: Sequence[str]) -> list[str]:
    """One line for each flag of `argv` that cannot be honoured."""
    refused = REFUSED | _NEVER_PASSED
    return [f"{word}: {refused[_plain(word)]}" for word in argv if _plain(word) in refused]


def _plain(word: str) -> str:
    """llama.cpp takes `--models_dir` for `--models-dir` (common/arg.cpp)."""
    return word.replace("_", "-") if word.startswith("--") else word


def without_refused(help_text: str) -> str:
    """`--help` with the options left out that would be refused."""
    return "".join(entry for entry in _entries(help_text) if not _spellings(entry) & REFUSED.keys())


def _entries(help_text: str) -> Iterator[str]:
    """An option's entry begins with a dash in the first column and goes on indented."""
    entry = ""
    for line in help_text.splitlines(keepends=True):
        if line.startswith("-"):
            yield entry
            entry = ""
        entry += line
    yield entry


def _spellings(entry: str) -> set[str]:
    head = re.match(r"(?:-[^\s,]+,?\s*)+", entry)
    return set(re.findall(r"-[^\s,]+", head[0])) if head else set()
