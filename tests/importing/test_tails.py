"""Command lines become keys, and what no key can hold stays a command line."""

from pathlib import Path

from paddock.importing.compose_file import substituted
from paddock.importing.healing import healed
from paddock.importing.macros import Macros
from paddock.importing.page import Page, PageLine
from paddock.importing.tails import Keys, as_keys, trimmed
from tests.config.stables import FLAGS, Yard


def keys(*words: str) -> Keys:
    return as_keys(words, FLAGS, lambda _flag, value: value)


def test_each_flag_becomes_a_key_under_its_full_name() -> None:
    found = keys("-c", "512", "-fa", "on", "--jinja", "--no-mmproj", "--seed", "-1")
    assert found.keys[:2] == [("ctx-size", "512"), ("flash-attn", "on")]
    assert ("jinja", "true") in found.keys
    assert ("seed", "-1") in found.keys
    assert (found.tail, found.lost) == ([], [])


def test_of_two_the_last_counts_unless_llama_cpp_adds_them_up() -> None:
    found = keys("--temp", "1", "--temp", "2", "-ot", "a=CPU", "-ot", "b=CPU", "-ot", "c=CPU")
    assert found.keys == [("temperature", "2")]
    assert found.tail == ["-ot", "a=CPU", "-ot", "b=CPU", "-ot", "c=CPU"]
    assert [words for words, _ in found.changed] == ["temperature"]


def test_what_no_line_can_hold_stays_a_command_line() -> None:
    assert keys("--chat-template", "a\nb").tail == ["--chat-template", "a\nb"]
    assert keys("--grammar", "root ::= 'x' # y").tail == ["--grammar", "root ::= 'x' # y"]


def test_what_paddock_sets_or_the_build_lacks_is_lost_with_a_reason() -> None:
    found = keys("--port", "1", "--api-key", "k", "--nonsense", "3", "stray", "-c")
    assert [words for words, _ in found.lost] == ["--api-key", "--nonsense 3 stray", "-c"]
    assert found.keys == []


def test_only_what_is_wrong_leaves_a_tail() -> None:
    kept, complaints = trimmed("-np 1 --no-mmap --bogus 3 --temp 1", FLAGS)
    assert kept == "-np 1 --load-mode none --temp 1"
    assert [(words, is_lost) for words, _, is_lost in complaints] == [
        ("--no-mmap", False),
        ("--bogus 3", True),
    ]


def test_macros_within_macros_and_of_the_environment_are_expanded() -> None:
    macros = Macros({"a": "${b} ${PORT}", "b": 7}, {"HOME": "/h"}).within({"b": True}, "m")
    assert macros.expand("${a} ${MODEL_ID} ${env.HOME} ${none}") == "true 0 m /h ${none}"


def test_a_macro_of_itself_ends() -> None:
    assert "${a}" in Macros({"a": "x${a}"}).expand("${a}")


def test_macros_of_macros_end_before_they_fill_the_memory() -> None:
    macros = {f"m{n}": f"${{m{n + 1}}}" * 9 for n in range(15)}
    assert len(Macros(macros).expand("${m0}")) < 10 << 20


def test_compose_variables_have_their_defaults() -> None:
    text = "${A:-1} ${B:-2} ${C-3} ${D:-} $A $$x"
    assert substituted(text, {"A": "9", "B": "", "C": ""}) == "9 2   9 $x"


def test_only_the_flag_whose_file_is_missing_leaves_a_tail(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    tail = "EXTRA_ARGS = --jinja --lora none.gguf --mlock -c 512"
    lines = ["[p]", "MODEL = m.gguf", "grammar-file = none.gbnf", tail]
    page = Page([PageLine(line, f"there:{n}") for n, line in enumerate(lines, start=1)])
    page = healed(page, lambda text: tuple(yard.problems(text)), FLAGS)
    assert yard.problems(page.text) == []
    kept = yard.load(page.text).profiles["p"].argv[2:]
    assert list(kept) == ["--jinja", "--load-mode", "mlock", "--ctx-size", "512"]
    lost = {note.where: f"{note.what} {note.why}" for note in page.notes if note.kind == "lost"}
    assert "no such file" in lost["there:3"]
    assert "--lora none.gguf" in lost["there:4"]
    assert f"# was: {tail}" in page.text
