"""The program of `--each`: run once for each profile, and the score that it prints. No shell."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from time import monotonic

from paddock.api.bench import Evaluation

_NO_KEY = "none"  # most clients insist on some text


def environment(url: str, key: str | None, model: str) -> dict[str, str]:
    """What a client of OpenAI's API needs, by the names that such programs look at."""
    return {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_BASE": f"{url}/v1",
        "OPENAI_API_KEY": key or _NO_KEY,
        "OPENAI_MODEL": model,
    }


def words_for(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The command with `{model}` and `{url}` put in; other braces stay as they are."""
    return [_filled(word, values) for word in command]


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def evaluated(
    command: Sequence[str], *, url: str, key: str | None, model: str, score: str = ""
) -> Evaluation:
    """Run it to its end. What it prints goes to stderr as it comes; `score` is looked for in it.

    127 is the exit code where there is no such program, 128 and more where a signal ended it.
    """
    words = words_for(command, {"model": model, "url": f"{url}/v1"})
    begun = monotonic()
    found, status = _run(words, environment(url, key, model), score)
    return Evaluation(
        command=" ".join(words),
        exit_code=status if status >= 0 else 128 - status,
        seconds=round(monotonic() - begun, 3),
        score=found,
    )


def _run(words: Sequence[str], env: Mapping[str, str], score: str) -> tuple[float | None, int]:
    found: float | None = None
    try:
        child = subprocess.Popen(
            words, env=os.environ | dict(env), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        return None, 127
    with child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                text = line.decode(errors="replace")
                sys.stderr.write(text)
                found = score_in(text, score, found)
        except BaseException:
            child.terminate()
            raise
    return found, child.returncode


def score_in(line: str, pattern: str, before: float | None) -> float | None:
    """The last number that the pattern finds, its first group where it has one; else what was before."""
    for match in re.finditer(pattern, line) if pattern else ():
        text = match[1] if match.re.groups else match[0]
        try:
            before = float(text)
        except (TypeError, ValueError):
            continue
    return before
