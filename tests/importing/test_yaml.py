"""YAML as it was typed, with all of its comments."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.importing.yaml_comments import found
from paddock.importing.yaml_file import is_true, read_yaml
from paddock.importing.yaml_text import parsed

# What is typed, and what a program that reads YAML 1.2 hands on (llama-swap v250 was asked).
WORDS = [
    ("on", "on"),
    ("no", "no"),
    ("yes", "yes"),
    ("true", "true"),
    ("'on'", "on"),
    ("0.70", "0.70"),
    ("1e-3", "1e-3"),
    ("32_768", "32768"),
    ("0x10", "16"),
    ("010", "8"),
    ("0o17", "15"),
    ("'010'", "010"),
    ("0", "0"),
    ("-1", "-1"),
    ("12:30", "12:30"),
    ("2026-01-02", "2026-01-02"),
    ("~", None),
    ("null", None),
    ("", None),
    ("'~'", "~"),
]


@pytest.mark.parametrize(("typed", "value"), WORDS)
def test_a_value_is_what_was_typed(typed: str, value: str | None) -> None:
    assert parsed(f"key: {typed}\n")[0] == {"key": value}


@pytest.mark.parametrize("name", ["on", "no", "8", "1.50", "true", "~", "a b", "a:b"])
def test_a_name_is_what_was_typed(name: str) -> None:
    assert parsed(f"{name}: x\n")[0] == {name: "x"}


def test_anchors_and_merged_tables_are_followed_and_own_keys_win() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 9\n"
    assert parsed(text)[0]["c"] == {"x": "9", "y": "2", "z": "4"}


def test_an_anchor_inside_of_itself_ends() -> None:
    assert parsed("a: &a\n  b: *a\n")[0] == {"a": {"b": None}}


def test_aliases_of_aliases_cost_no_more_than_they_are_written(tmp_path: Path) -> None:
    lines = [
        "a0: &a0 {x: 1}",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)),
    ]
    file = tmp_path / "x.yaml"
    file.write_text("\n".join(lines))
    assert len(read_yaml(file).lines) == 40 + 1 + 39 * 9


def test_the_words_of_yaml_1_1_are_truth_values_where_one_is_asked_for() -> None:
    assert [word for word in ("yes", "On", "true", "no", "off", "false", "") if is_true(word)] == [
        "yes",
        "On",
        "true",
    ]


KEYS = st.sampled_from(
    [
        "key: value",
        'key: "a # b"',
        "key: 'a # b'",
        "key: a#b",
        "key: [a, 'b # c', d]",
        "key: {a: b}",
        "key: |\n    # text\n    more # text",
        "key: >-\n    folded\n\n    # text",
        'key: "over\n    # lines"',
        "key:\n  - a\n  - b # c",
    ]
)
SAID = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=9
)


@settings(deadline=None)
@given(st.lists(st.tuples(KEYS, st.booleans(), SAID), min_size=1, max_size=8))
def test_every_comment_is_found_and_nothing_else(parts: list[tuple[str, bool, str]]) -> None:
    lines, said = [], []
    for number, (key, has_comment, comment) in enumerate(parts):
        if has_comment:
            lines.append(f"# {comment}")
            said.append(comment.rstrip())
        lines.append(key.replace("key", f"key{number}", 1))
        said += ["c"] if key.endswith("# c") else []
    assert [comment.text for comment in found("\n".join(lines) + "\n")] == said


def test_comments_know_whether_they_stand_above_or_beside(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("a: # one\n  b: | # two\n    text\n  # three\n  c: 1 # four\n# five\n")
    comments = read_yaml(file).comments
    assert {line: [c.text for c in texts] for line, texts in comments.beside.items()} == {
        1: ["one"],
        2: ["two"],
        5: ["four"],
    }
    assert {line: [c.text for c in texts] for line, texts in comments.above.items()} == {
        5: ["three"]
    }
    assert [comment.text for comment in comments.last] == ["five"]
