"""`paddock key` and `paddock usage`: what they print, write and warn of."""

import json
import re

import pytest

from paddock.api.usage import UsageRow
from paddock.cli.verbs.usage import _chosen, _parts, _summed
from paddock.config.keys import digest_of, read_keys
from paddock.errors import BadRequest
from tests.cli.conftest import Paddock


def test_the_secret_is_shown_once_alone_on_stdout(paddock: Paddock, tmp_path):
    state = ("--state-dir", tmp_path / "state")
    made = paddock(
        "key", "add", "anna", "-m", "alpha", "--concurrency", 2, "--unknown-model", "loaded", *state
    )
    assert made.status == 0
    assert re.fullmatch(r"pdk-[\w-]{43}\n", made.out)
    [key] = read_keys(tmp_path / "state" / "keys.json")
    assert (key.name, key.models, key.concurrency) == ("anna", ("alpha",), 2)
    assert key.unknown_model == "loaded"
    assert key.digest == digest_of(made.out.strip())
    listed = paddock("key", "list", *state)
    assert "anna" in listed.out
    assert "alpha" in listed.out
    for shown in (listed.out, paddock("key", "list", "--json", *state).out):
        assert key.digest not in shown
        assert made.out.strip() not in shown


def test_for_programs_it_is_json(paddock: Paddock, tmp_path):
    state = ("--state-dir", tmp_path / "state")
    made = json.loads(paddock("key", "add", "ci", "--scope", "manage", "--json", *state).out)
    assert made["name"] == "ci"
    [listed] = json.loads(paddock("key", "list", "--json", *state).out)
    assert (listed["name"], listed["scope"], listed["models"]) == ("ci", "manage", [])
    assert listed["tokens_per_day"] == 0


def test_who_is_locked_out_or_let_in_by_it_is_said(paddock: Paddock, tmp_path):
    state = ("--state-dir", tmp_path / "state")
    first = paddock("key", "add", "anna", *state).err
    assert "every request needs a key" in first
    assert "--scope manage" in first
    second = paddock("key", "add", "root", "--scope", "manage", *state).err
    assert "manage" not in second.replace("root", "")
    assert "--scope manage" in paddock("key", "remove", "root", *state).err
    assert "may do everything" in paddock("key", "remove", "anna", *state).err
    assert "no named key" in paddock("key", "list", *state).out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("add", "a b"), 1, "cannot be the name"),
        (("add", "x", "--scope", "manage", "-m", "alpha"), 1, "every model"),
        (("add", "x", "--concurrency", "-1"), 2, ""),
        (("add", "x", "--scope", "all"), 2, ""),
        (("remove", "nobody"), 1, "there is no key"),
    ],
)
def test_what_cannot_be_is_refused(paddock: Paddock, tmp_path, words, status, said):
    result = paddock("key", *words, "--state-dir", tmp_path / "state")
    assert result.status == status
    assert said in result.err


def test_a_model_that_is_not_there_yet_is_named(paddock: Paddock, tmp_path):
    conf = tmp_path / "models.conf"
    conf.write_text("[alpha]\nMODEL = alpha.gguf\naliases = a\n")
    where = ("--config", conf, "--state-dir", tmp_path / "state")
    assert "no such model" not in paddock("key", "add", "good", "-m", "a", *where).err
    made = paddock("key", "add", "x", "-m", "alhpa", "--unknown-model", "foo", *where)
    assert made.status == 0
    assert "may ask 'alhpa': there is no such model (nearest: alpha)" in made.err
    assert "unknown-model = 'foo': there is no such model" in made.err


def row(day: str, key: str, model: str, tokens: int) -> UsageRow:
    return UsageRow(
        day=day,
        key=key,
        model=model,
        requests=1,
        prompt_tokens=tokens,
        answer_tokens=1,
        seconds=0.5,
    )


ROWS = [
    row("2026-11-30", "anna", "a", 10),
    row("2026-11-29", "anna", "b", 20),
    row("2026-11-29", "", "a", 99),
]


@pytest.mark.parametrize(
    ("by", "places"),
    [
        ("key", [("(no key)",), ("anna",)]),
        ("model", [("a",), ("b",)]),
        ("day,key", [("2026-11-30", "anna"), ("2026-11-29", "(no key)"), ("2026-11-29", "anna")]),
        ("key,model", [("(no key)", "a"), ("anna", "b"), ("anna", "a")]),
    ],
)
def test_rows_are_summed_by_what_is_asked_for(by, places):
    found = _summed(ROWS, _chosen(by))
    assert [place for place, _ in found] == places
    assert sum(one.prompt_tokens for _, one in found) == 129
    assert sum(one.requests for _, one in found) == 3


@pytest.mark.parametrize("by", ["", "user", "key,key", "key;model"])
def test_rows_are_of_nothing_else(by):
    with pytest.raises(BadRequest):
        _chosen(by)


@pytest.mark.parametrize(
    ("incomplete", "offered"),
    [("", ["day", "key", "model"]), ("key,", ["key,day", "key,model"]), ("day,m", ["day,model"])],
)
def test_the_shell_completes_the_parts(incomplete, offered):
    assert _parts(incomplete) == offered
