"""Flags of older builds: one table for presets, command lines and importers."""

import itertools
import shlex

import pytest

from paddock.config.spellings import GONE
from paddock.importing.healing import healed
from paddock.importing.page import Page, PageLine
from paddock.importing.tails import as_keys, trimmed
from paddock.llama.flags import parse_help
from tests.config.stables import FLAGS

OLD_BUILD = parse_help(
    "-m,    --model FNAME                    model\n"
    "--mlock                                 keep it in RAM\n"
    "--mmap, --no-mmap                       map it\n"
    "-fa,   --flash-attn                     use it\n"
    "--draft-max N                           tokens\n"
)
# As a preset has it, as a command line has it, and what both are now.
RENAMED = [
    ("mmap = on", "--mmap", "--load-mode mmap"),
    ("mmap = off", "--no-mmap", "--load-mode none"),
    ("no-mmap = true", "--no-mmap", "--load-mode none"),
    ("no-mmap = false", "--mmap", "--load-mode mmap"),
    ("LLAMA_ARG_NO_MMAP = 1", "--no_mmap", "--load-mode none"),
    ("MMAP = off", "--no-mmap", "--load-mode none"),
    ("mlock = on", "--mlock", "--load-mode mlock"),
    ("mlock = off", "", ""),
    ("LLAMA_ARG_MLOCK = true", "--mlock", "--load-mode mlock"),
    ("direct-io = true", "--direct-io", "--load-mode dio"),
    ("dio = on", "-dio", "--load-mode dio"),
    ("direct-io = false", "--no-direct-io", ""),
    ("mlock = on\nmmap = off", "--mlock --no-mmap", "--load-mode mlock"),
    ("mlock = on\nmmap = on", "--mlock --mmap", "--load-mode mmap+mlock"),
    ("mlock = off\nmmap = off", "--no-mmap", "--load-mode none"),
    ("mlock = off\nmmap = on", "--mmap", "--load-mode mmap"),
    ("no-mmap = true\ndirect-io = true", "--no-mmap -dio", "--load-mode dio"),
    ("draft-max = 8", "--draft-max 8", "--spec-draft-n-max 8"),
    ("draft = 8", "--draft 8", "--spec-draft-n-max 8"),
    ("draft-min = 2", "--draft-min 2", "--spec-draft-n-min 2"),
    ("slots-endpoint-disable = true", "--slots-endpoint-disable", "--no-slots"),
    ("spec-type = mtp", "--spec-type mtp", "--spec-type draft-mtp"),
    ("spec-type = mtp,ngram-mod", "--spec-type mtp,ngram-mod", "--spec-type draft-mtp,ngram-mod"),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "tail", "now"), RENAMED)
def test_an_old_spelling_means_the_same_in_presets_and_command_lines(yard, preset, tail, now):
    assert yard.argv(preset) == now.split()
    assert yard.argv(f"EXTRA_ARGS = {tail}") == now.split()


@pytest.mark.parametrize(("preset", "tail", "now"), RENAMED)
def test_importers_write_the_new_spelling(preset, tail, now):
    keys = as_keys(shlex.split(tail), FLAGS, lambda _flag, value: value)
    flat = [f"{key} = {value}" for key, value in keys.keys]
    name, *value = now.removeprefix("--").split() or [""]
    if now == "--no-slots":
        assert flat == ["slots = false"]
    else:
        assert flat == ([f"{name} = {value[0]}"] if now else [])
    assert keys.lost == []
    kept, complaints = trimmed(tail, FLAGS)
    assert kept.split() == now.split()
    assert not any(is_lost for _, _, is_lost in complaints)
    assert preset  # the same table serves both


@pytest.mark.parametrize(("preset", "tail", "now"), RENAMED)
def test_it_is_reported_with_what_to_write_and_that_is_no_problem(yard, preset, tail, now):
    said = yard.problems(f"[p]\nMODEL = m.gguf\n{preset}\n")
    assert {(p.severity, p.code) for p in said} == {("warning", "old-spelling")}
    assert len(said) == len(preset.splitlines())
    for problem in said:
        assert "leave it out" in problem.hint or problem.hint.startswith("write ")
    written = [p.hint.removeprefix("write ") for p in said if p.hint.startswith("write ")]
    assert yard.problems("[p]\nMODEL = m.gguf\n" + "\n".join(written) + "\n") == []
    assert yard.argv("\n".join(written)) == now.split()
    assert tail is not None


@pytest.mark.parametrize(("preset", "tail", "now"), RENAMED)
def test_a_page_that_is_imported_is_written_anew(yard, preset, tail, now):
    for text in (preset, f"EXTRA_ARGS = {tail}"):
        lines = ["[p]", "MODEL = m.gguf", *text.splitlines()]
        page = Page([PageLine(line, f"there:{i}") for i, line in enumerate(lines)])
        page = healed(page, lambda text: tuple(yard.problems(text)), FLAGS)
        assert yard.problems(page.text) == []
        assert list(yard.load(page.text).profiles["p"].argv[2:]) == now.split()


def test_every_mixture_of_the_three_old_switches_has_one_meaning(yard):
    """Whatever the order; and no two of their hints contradict each other."""
    for mmap, mlock, dio in itertools.product((None, True, False), repeat=3):
        given = {"mmap": mmap, "mlock": mlock, "direct-io": dio}
        given_lines = [f"{k} = {'on' if v else 'off'}" for k, v in given.items() if v is not None]
        if dio:
            wanted = ["--load-mode", "dio"]
        elif mlock:
            wanted = ["--load-mode", "mmap+mlock" if mmap else "mlock"]
        elif mmap is not None:
            wanted = ["--load-mode", "mmap" if mmap else "none"]
        else:
            wanted = []
        for order in itertools.permutations(given_lines):
            assert yard.argv("\n".join(order)) == wanted
            said = yard.problems("[p]\nMODEL = m.gguf\n" + "\n".join(order) + "\n")
            assert len({p.hint for p in said if p.hint.startswith("write")}) <= 1


ORDER = ("shared", "shared tail", "key", "tail")  # low to high
AS_KEYS = {
    "--mlock": "mlock = on",
    "--no-mmap": "mmap = off",
    "--mmap": "mmap = on",
    "-dio": "direct-io = on",
    "--no-direct-io": "direct-io = off",
}


def laid(places: dict[str, str]) -> tuple[str, str]:
    """Flags by place, as the keys of [*] and of the section."""
    lines = {p: f"EXTRA_ARGS = {f}" if "tail" in p else AS_KEYS[f] for p, f in places.items()}
    shared = "\n".join(lines[p] for p in ORDER[:2] if p in lines)
    return shared, "\n".join(lines[p] for p in ORDER[2:] if p in lines)


@pytest.mark.parametrize("where", list(itertools.combinations(ORDER, 2)))
@pytest.mark.parametrize(
    ("lower", "upper", "mode"),
    [
        ("--mlock", "--no-mmap", "mlock"),
        ("--no-mmap", "--mlock", "mlock"),
        ("--mlock", "--mmap", "mmap+mlock"),
        ("-dio", "--mlock", "dio"),
        ("-dio", "--no-direct-io", "auto"),
        ("--no-mmap", "--mmap", "mmap"),
    ],
)
def test_what_one_place_sets_stays_set_when_a_higher_one_sets_another(
    yard, where, lower, upper, mode
):
    """As it did when each was a switch of its own."""
    shared, own = laid(dict(zip(where, (lower, upper), strict=True)))
    if where == ("shared tail", "tail"):  # the lower one is replaced as a whole
        shared = ""
        mode = {"--no-mmap": "none", "--mlock": "mlock", "--mmap": "mmap"}.get(upper)
    wanted = ["--load-mode", mode] if mode else []
    assert yard.argv(own, shared=shared) == wanted


def test_a_section_without_extra_args_of_its_own_keeps_those_of_all(yard):
    assert yard.argv("mmap = off", shared="EXTRA_ARGS = --mlock") == ["--load-mode", "mlock"]
    alone = yard.argv("mmap = off\nEXTRA_ARGS = --jinja", shared="EXTRA_ARGS = --mlock")
    assert alone == ["--load-mode", "none", "--jinja"]


def test_a_section_that_takes_back_what_all_have_gets_neither(yard):
    assert yard.argv("mlock = off", shared="mlock = on") == ["--load-mode", "auto"]
    assert yard.argv("c = 5", shared="mlock = on") == ["--load-mode", "mlock", "--ctx-size", "5"]


def test_what_is_off_anyway_is_not_said_to_be_part_of_another_switch(yard):
    off, mapped = yard.problems("[p]\nMODEL = m.gguf\nmlock = off\nmmap = off\n")
    assert (off.line, off.hint) == (3, "leave it out")
    assert (mapped.line, mapped.hint) == (4, "write load-mode = none")


@pytest.mark.parametrize("flag", ["-fa", "--flash-attn", "--log-colors"])
def test_what_was_a_switch_once_is_on_when_it_stands_alone(yard, flag):
    name = {"-fa": "--flash-attn"}.get(flag, flag)
    for tail in (flag, f"{flag} --jinja", f"{flag} -c 5"):
        assert yard.argv(f"EXTRA_ARGS = {tail}")[:2] == [name, "on"]
    assert yard.argv(f"EXTRA_ARGS = {flag} off")[:2] == [name, "off"]


def test_a_build_that_has_the_old_flag_keeps_it(yard):
    text = "[p]\nMODEL = m.gguf\nmlock = true\nEXTRA_ARGS = --no-mmap -fa --draft-max 3\n"
    assert yard.problems(text, lambda _: OLD_BUILD) == []
    argv = list(yard.load(text, lambda _: OLD_BUILD).profiles["p"].argv[2:])
    assert argv == ["--mlock", "--no-mmap", "--flash-attn", "--draft-max", "3"]


def test_what_is_wrong_in_an_old_flag_is_not_guessed(yard):
    (error,) = yard.errors("[p]\nMODEL = m.gguf\nmlock = sometimes\n")
    assert "unknown key 'mlock'" in error


@pytest.mark.parametrize("flag", GONE)
def test_what_has_no_successor_says_what_became_of_it(yard, flag):
    (as_key,) = yard.errors(f"[p]\nMODEL = m.gguf\n{flag} = 4\n")
    (as_word,) = yard.errors(f"[p]\nMODEL = m.gguf\nEXTRA_ARGS = --{flag} 4\n")
    assert GONE[flag] in as_key
    assert GONE[flag] in as_word


def test_an_unknown_flag_behind_one_that_lacks_its_value_falls_alone(yard):
    said = yard.errors("[p]\nMODEL = m.gguf\nEXTRA_ARGS = -fa --bogus 3 -c --nope 4 --jinja\n")
    assert [line.split("EXTRA_ARGS: ")[1].split(" (")[0] for line in said] == [
        "unknown flag '--bogus'",
        "-c lacks its value",
        "unknown flag '--nope'",
    ]
    kept, given_lines = trimmed("-fa --bogus 3 -c 5 --nope 4 --jinja", FLAGS)
    assert kept == "--flash-attn on -c 5 --jinja"
    assert [words for words, _, _ in given_lines] == ["-fa", "--bogus 3", "--nope 4"]


def test_text_may_begin_with_a_dash(yard):
    assert yard.argv("EXTRA_ARGS = --reverse-prompt --- --jinja") == [
        "--reverse-prompt", "---", "--jinja",
    ]  # fmt: skip
