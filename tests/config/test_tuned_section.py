"""Flags changed in one section of a models.conf as text, and the section as it was."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paddock.config.ini import lines_of
from paddock.config.models_conf import read_as
from paddock.config.profile import Profile
from paddock.config.section_edit import changed_part, section_text, with_part
from paddock.config.tuned_section import is_fixed, retuned
from paddock.errors import ConfigError
from tests.config.stables import flags_of_the_build

HEAD = "[*]\nthreads = 2\n\n; above\n"
TAIL = "\n# about the next\n[next]\nmodel = next.gguf\n"


def profile(text: str, name: str = "m") -> Profile:
    stable, problems = read_as(text, Path("/stable/models.conf"), flags_for=flags_of_the_build)
    assert stable, problems
    return stable.profiles[name]


def changed(section: str, **changes: str | None) -> str:
    """The section afterwards; all around it is as it was."""
    text = HEAD + section + TAIL
    flags = {name.replace("_", "-"): value for name, value in changes.items()}
    after = retuned(text, profile(text), flags, ["why"])
    assert after.startswith(HEAD)
    assert after.endswith(TAIL)
    return after[len(HEAD) : -len(TAIL)]


@pytest.mark.parametrize(
    ("section", "changes", "after"),
    [
        (
            "[m]\nmodel = m.gguf\nubatch-size = 512  \n",
            {"ubatch_size": "1024"},
            "[m]\nmodel = m.gguf\n# ubatch-size = 512  \n# why\nubatch-size = 1024\n",
        ),
        (  # the wrapper's vocabulary, and a comment between
            "[m]\nCTX_SIZE = 4096\n# mine\nMODEL = m.gguf\n",
            {"ctx_size": "8192"},
            "[m]\n# CTX_SIZE = 4096\n# mine\nMODEL = m.gguf\n# why\nctx-size = 8192\n",
        ),
        (  # of [*]: hidden by a line of its own
            "[m]\nmodel = m.gguf\n",
            {"threads": "8"},
            "[m]\nmodel = m.gguf\n# why\nthreads = 8\n",
        ),
        (  # left out although [*] has it
            "[m]\nmodel = m.gguf\nthreads = 4\n",
            {"threads": None},
            "[m]\nmodel = m.gguf\n# threads = 4\n# why\nthreads =\n",
        ),
        (
            "[m]\nmodel = m.gguf\nn-cpu-moe = 4\n",
            {"n_cpu_moe": None},
            "[m]\nmodel = m.gguf\n# n-cpu-moe = 4\n# why\n",
        ),
        (  # the last value goes on over indented lines
            "[m]\nmodel = m.gguf\nDESCRIPTION = one\n  two\n",
            {"threads": "8"},
            "[m]\nmodel = m.gguf\nDESCRIPTION = one\n  two\n# why\nthreads = 8\n",
        ),
        ("[m]\r\nmodel = m.gguf\r\n", {"threads": "8"}, "[m]\r\nmodel = m.gguf\r\n# why\r\nthreads = 8\r\n"),
        ("[m]\nmodel = m.gguf\n", {}, "[m]\nmodel = m.gguf\n"),
    ],
)  # fmt: skip
def test_lines_are_added_and_old_ones_stay_as_comments(
    section: str, changes: dict[str, str | None], after: str
) -> None:
    assert changed(section, **changes) == after


def test_a_file_without_a_last_line_end_keeps_its_last_line() -> None:
    text = "[m]\nmodel = m.gguf"
    assert retuned(text, profile(text), {"threads": "8"}) == "[m]\nmodel = m.gguf\nthreads = 8"


def test_what_extra_args_sets_is_not_changed() -> None:
    text = "[m]\nmodel = m.gguf\nEXTRA_ARGS = --threads 4\n"
    assert is_fixed(profile(text), "threads")
    with pytest.raises(ConfigError, match="EXTRA_ARGS"):
        retuned(text, profile(text), {"threads": "8"})


keys = st.sampled_from(["threads", "ubatch-size", "ctx-size", "fit-target"])
values = st.integers(1, 99_999).map(str)


@given(
    st.dictionaries(keys, values),
    st.dictionaries(keys, values, min_size=1),
    st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_is_changed_is_read_so_and_the_old_section_can_be_put_back(
    before: dict[str, str], changes: dict[str, str | None], end: str
) -> None:
    own = ["[m]", "model = m.gguf", *(f"{key} = {value}" for key, value in before.items()), ""]
    text = (HEAD + "\n".join(own) + TAIL).replace("\n", end)
    after = retuned(text, profile(text), changes, ["why"])
    found = {flag.name[2:]: flag.values[0] for flag in profile(after).flags if flag.values}
    assert {key: found[key] for key in changes} == changes
    kept = {key: value for key, value in before.items() if key not in changes}
    assert {key: found[key] for key in kept} == kept
    assert profile(after, "next") is not None
    assert after.replace(section_text(after, "m"), section_text(text, "m"), 1) == text


# ---- files as people really have them ----

FLAGS = {
    "threads": ("threads", "THREADS", "t"), "ubatch-size": ("ubatch-size", "UBATCH_SIZE", "ub"),
    "ctx-size": ("ctx-size", "CTX_SIZE", "c"), "fit-target": ("fit-target", "FIT_TARGET", "fitt"),
    "n-cpu-moe": ("n-cpu-moe", "ncmoe"),
}  # fmt: skip
names = st.sampled_from(sorted(FLAGS))
spelled = names.flatmap(lambda name: st.sampled_from(FLAGS[name]))
# What other programs take for ends of lines is a part of a comment.
words = st.text("a =#;[]\x0b\x0c\x1c\x85\u2028\u2029é", max_size=8)
odd_lines = st.one_of(
    st.builds("{} = {}".format, spelled, values),
    st.builds("{}={}  ".format, spelled, values),
    st.builds("# {}".format, words),
    st.builds("; {} = 7".format, names),
    st.builds("  # {}".format, words),
    st.sampled_from(["", "  ", "# [m]", "DESCRIPTION = one\n\n  # no more\n  two", "EXTRA_ARGS = --top-k 4\n  --seed 1"]),
)  # fmt: skip
shared = st.builds("{} = {}".format, names, values)
stars = st.lists(shared | st.just("EXTRA_ARGS = --threads 6"), max_size=3)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A models.conf with [m], what all share before or behind it, a variant and another profile."""
    own = ["[m]", "model = m.gguf", *draw(st.lists(odd_lines, max_size=8))]
    every = ["[*]", *draw(stars), *draw(st.lists(st.builds("# {}".format, words), max_size=1))]
    others = [["[v]", "variant-of = m", "temp = 0"], ["[next]", "model = next.gguf", "threads = 5"]]
    parts = draw(st.permutations([own, every, *others]))
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    lines = "\n".join(line for part in parts for line in part).split("\n")
    text = "".join(line + draw(st.sampled_from([ends, ends, "\n"])) for line in lines)
    return text.rstrip("\r\n") if draw(st.booleans()) else text


def flags_of(text: str, name: str) -> dict[str, tuple[str, ...]]:
    return {flag.name[2:]: tuple(flag.values) for flag in profile(text, name).flags}


@given(files(), st.dictionaries(names, st.one_of(st.none(), values), min_size=1))
def test_in_any_file_only_the_changed_flags_of_the_section_change_and_it_can_be_put_back(
    text: str, changes: dict[str, str | None]
) -> None:
    stable, _ = read_as(text, Path("/stable/models.conf"), flags_for=flags_of_the_build)
    assume(stable is not None)  # it sets a flag twice, to different values
    before = flags_of(text, "m")
    assume(not any(is_fixed(profile(text), flag) for flag in changes))
    after = retuned(text, profile(text), changes, ["why"])
    assert flags_of(after, "m") == {
        **{flag: value for flag, value in before.items() if flag not in changes},
        **{flag: (value,) for flag, value in changes.items() if value is not None},
    }
    assert flags_of(after, "next") == flags_of(text, "next")
    kept = [line for line in lines_of(text) if line.strip()]
    there = [line.removeprefix("# ").rstrip("\r\n") for line in lines_of(after)]
    assert all(line.rstrip("\r\n").removeprefix("# ") in there for line in kept), "nothing is lost"
    old, new = changed_part(text, after, "m")
    assert with_part(after, "m", new, old) == text
    elsewhere = after.replace("[next]", "# mine\n[next]")
    assert with_part(elsewhere, "m", new, old) == text.replace("[next]", "# mine\n[next]")
    assert with_part(after.replace("m.gguf", "n.gguf"), "m", new, old) is None, "edited since"
