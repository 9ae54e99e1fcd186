"""A shell's text, read without a shell: what it would call, and the comments around that."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paddock.importing.shell import Call, Shell

FOLDER = Path("/srv/box")


def calls(text: str, **known: str) -> list[Call]:
    shell = Shell(FOLDER, Path("/srv/scripts"), args=["first", "second"], environ=known)
    return list(shell.calls(text))


def words(text: str, **known: str) -> list[str]:
    (call,) = calls(text, **known)
    return list(call.words)


# Each line is read by a real shell too, so that these are its rules and not ours.
LINES = [
    "x 'a b' \"c d\" e\\ f",
    'x "it\'s" \'say "hi"\' "a\\"b" "a\\b" "\\$HOME"',
    'A=1; x $A ${A} "$A" \'$A\' ${A:-2} ${B:-2} ${B:-"3 4"} ${A:+yes} ${B:+no} end',
    "A='1 2'; x $A \"$A\" pre$A",
    'A=; x ${A:-empty} ${A-unset} "$A" end',
    "A=(1 '2 3'); x \"${A[@]}\" end",
    "A=(1); A+=(2 '3 4'); x \"${A[@]}\"",
    "A=1; A+=2; x $A",
    "x $((4 * 1024)) $(( (2+3) * 7 )) $((9/2))",
    "N=3; x $((N * 2)) $(($N + 1))",
    "x a > /dev/null 2>&1",
    "x a 2>/dev/null < /dev/null",
    "x a \\\n  b \\\n  c",
    "x a # comment\n",
    "x a \\\n  # comment \\\ntrue b",
    "x a#b '#c' \"# d\"",
    "if true; then x a; fi",
    "for f in 1; do x a; done",
    "case a in a) x b ;; esac",
    "f() { x a; }; f",
    "{ x a; }",
    "(x a)",
    "true && x a || exit",
    "cat <<EOF >/dev/null\nx no\nEOF\nx a",
    "cat <<'EOF' >/dev/null\nit's $no\nEOF\nx a",
    'export A=1 B=\'2 3\'; x "$A" "$B"',
    "x -ot 'blk\\.[0-9]=CPU' --j '{\"a\": \"b c\"}'",
    "x $'a b'",
    "x ''",
    'x "" end',
]


@pytest.mark.parametrize("line", LINES)
def test_a_line_means_what_bash_makes_of_it(line: str) -> None:
    script = f'x() {{ printf "%s\\0" "$@" >&9; }}; {line}'
    run = ["bash", "-c", 'exec 9>&1 >/dev/null; eval "$1"', "bash", script]
    real = subprocess.run(run, capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    called = [call for call in calls(line) if call.words[0] == "x"]
    assert [list(call.words[1:]) for call in called] == [real]


PLAIN = st.text(st.characters(codec="ascii", exclude_characters="\0\r"), max_size=12)


@settings(deadline=None)
@example([" \x01"])
@given(st.lists(PLAIN, min_size=1, max_size=5))
def test_whatever_is_quoted_comes_back_as_it_was(parts: list[str]) -> None:
    assert words(shlex.join(["x", *parts])) == ["x", *parts]


@settings(deadline=None)
@given(st.text(st.sampled_from("ab $(){}[]'\"\\|&;<>#`=\n\t0-/"), max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    calls(text)


def test_arguments_and_the_environment_are_known_and_what_a_run_could_tell_is_named() -> None:
    (call,) = calls('x "$1" ${3:-third} "$@" $HOME $(nproc) ${UNSET} `date`', HOME="/h")
    assert call.words[1:] == (
        *("first", "third", "first", "second", "/h"),
        *("$(nproc)", "${UNSET}", "$(date)"),
    )
    assert set(call.unknown) == {"$(nproc)", "${UNSET}", "$(date)"}


@pytest.mark.parametrize(
    "text",
    [
        'D="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"; x "$D"',
        'D=$(dirname "$0"); x $D',
        'D=$(dirname "$(realpath "$0")"); x $D',
        'D=$(dirname "$(readlink -f "$0")"); x $D',
    ],
)
def test_the_folder_of_a_script_is_known(text: str) -> None:
    assert words(text) == ["x", "/srv/scripts"]


def test_the_folder_above_a_script_is_known() -> None:
    text = 'D="$(cd "$(dirname "$0")/.." && pwd)"; x "$D"'
    assert [str(Path(word).resolve()) for word in words(text)[1:]] == ["/srv"]


def test_where_it_goes_and_what_it_exports_are_known() -> None:
    (call,) = calls("export A=1; cd models; B=2 x; ")
    assert (call.folder, call.env) == (FOLDER / "models", {"A": "1", "B": "2"})


def test_a_variable_that_is_a_part_of_the_command_is_not_for_its_environment() -> None:
    (call,) = calls('export MODEL=m.gguf CUDA_VISIBLE_DEVICES=0; x "$MODEL"')
    assert call.env == {"CUDA_VISIBLE_DEVICES": "0"}


def test_comments_know_their_place_among_the_words_also_through_an_array() -> None:
    text = """\
#!/bin/bash
# above
A=(
  -c 1   # beside c
  # above d
  -d 2
)
x -a "${A[@]}" -e  # beside e
# below
"""
    shell = Shell(FOLDER, FOLDER)
    (call,) = shell.calls(text)
    assert [(one.text, one.after, one.is_beside) for one in call.remarks] == [
        ("above", 0, False),
        ("beside c", 4, True),
        ("above d", 4, False),
        ("beside e", 7, True),
    ]
    assert shell.rest == ["below"]


def test_what_only_a_run_can_know_stays_one_word_through_a_variable() -> None:
    (call,) = calls("T=$(( $(nproc) / 2 ))\nx -t $T -c 1")
    assert call.words == ("x", "-t", "$(( $(nproc) / 2 ))", "-c", "1")
    assert call.unknown == ("$(( $(nproc) / 2 ))",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("if a; then C=1; else C=2; fi; x $C", ("C",)),
        ("C=0; case $1 in a) C=1 ;; *) D=2 ;; esac; x $C", ("C",)),
        ("A=(1); if a; then A+=(2); fi; x ${A[@]}", ("A",)),
        ("C=1; if a; then echo $C; fi; x $C", ()),
    ],
)
def test_a_value_from_a_branch_is_named(text: str, named: tuple[str, ...]) -> None:
    assert [call.branched for call in calls(text) if call.words[0] == "x"] == [named]


def test_a_file_that_only_sets_variables_is_read_where_it_is_sourced(tmp_path: Path) -> None:
    (tmp_path / "plain.conf").write_text("# model\nMODEL=a.gguf\nexport A=1\nMORE=(-c 1)\n")
    (tmp_path / "busy.sh").write_text("MODEL=b.gguf\nrm -rf /nowhere\n")
    text = '. ./plain.conf\nsource busy.sh\nx "$MODEL" "${MORE[@]}"'
    found = list(Shell(tmp_path, tmp_path).calls(text))
    assert [call.words for call in found] == [("source", "busy.sh"), ("x", "a.gguf", "-c", "1")]
    assert found[-1].env == {"A": "1"}


def test_a_comment_in_backticks_is_one() -> None:
    (call,) = calls("x -a 1 `# all of it` \\\n -b 2")
    assert call.words == ("x", "-a", "1", "-b", "2")
    assert [(remark.text, remark.after) for remark in call.remarks] == [("all of it", 3)]
