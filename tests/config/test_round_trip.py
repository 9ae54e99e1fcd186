"""Whatever set of profiles is written as models.conf is read back as it was meant."""

import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.config.stables import Yard

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["C", "Z"])
NAMES = st.text(st.sampled_from("abcXYZ019-_.:/ "), min_size=1, max_size=12).map(str.strip)
# Behind a blank or a number they begin a comment (config/trailing.py), whatever their writer meant.
COMMENTS = frozenset(";#")
TEXTS = st.text(PRINTABLE | st.just(" "), max_size=20).map(str.strip).filter(COMMENTS.isdisjoint)
# A word with a dash in front is a flag and not a value to EXTRA_ARGS.
WORDS = st.text(PRINTABLE | st.just(" "), min_size=1, max_size=20).filter(lambda w: w[0] != "-")

# canonical flag -> its spellings as keys, its values
FLAGS = {
    "--ctx-size": (["CTX_SIZE", "ctx-size", "c", "LLAMA_ARG_CTX_SIZE"], st.integers(0, 10**6)),
    "--threads": (["threads", "t", "LLAMA_ARG_THREADS"], st.integers(-1, 64)),
    "--cache-type-k": (["KV_CACHE_TYPE_K", "ctk"], st.sampled_from(["f16", "q8_0"])),
    "--temperature": (["temp", "temperature"], st.floats(0, 2).map(lambda f: round(f, 3))),
    "--grammar": (["grammar"], WORDS.map(str.strip).filter(bool)),
}


@dataclass(frozen=True)
class Meant:
    """A profile as its writer sees it: flags by key and by EXTRA_ARGS, and some words."""

    name: str
    title: str
    pin: bool
    ttl: int
    keys: dict[str, tuple[str, str]]  # flag -> spelling, value
    tail: dict[str, str]

    @property
    def text(self) -> str:
        keys = "".join(f"{key} = {value}\n" for key, value in self.keys.values())
        tail = shlex.join(word for pair in self.tail.items() for word in pair)
        return (
            f"[{self.name}]\nMODEL = m.gguf\nNAME = {self.title}\npin = {self.pin}\n"
            f"ttl = {self.ttl}\n{keys}EXTRA_ARGS = {tail}\n\n"
        )

    @property
    def flags(self) -> dict[str, str]:
        return {flag: value for flag, (_, value) in self.keys.items()} | self.tail


def subset(of):
    """Some of the flags, each with a value."""
    return st.fixed_dictionaries({}, optional=of)


def meant():
    by_key = {
        flag: st.tuples(st.sampled_from(spellings), values.map(str).filter(COMMENTS.isdisjoint))
        for flag, (spellings, values) in FLAGS.items()
    }
    in_tail = {flag: values.map(str) for flag, (_, values) in FLAGS.items()}
    return st.builds(
        Meant,
        name=NAMES.filter(lambda name: name not in {"", "*"}),
        title=TEXTS,
        pin=st.booleans(),
        ttl=st.integers(0, 10**6),
        keys=subset(by_key),
        tail=subset(in_tail),
    )


@given(st.lists(meant(), max_size=5, unique_by=lambda m: m.name))
def test_what_is_written_is_read(everything):
    with tempfile.TemporaryDirectory() as folder:
        stable = Yard(Path(folder)).load("".join(m.text for m in everything))
    assert list(stable.profiles) == [m.name for m in everything]
    for wanted, got in zip(everything, stable.profiles.values(), strict=True):
        assert (got.title, got.pin, got.ttl) == (wanted.title, wanted.pin, wanted.ttl)
        assert {f.name: f.values[0] for f in got.flags if f.name != "--model"} == wanted.flags
        replaced = {f.name for f in got.flags if f.overrides}
        assert replaced == wanted.keys.keys() & wanted.tail.keys()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), st.booleans())
def test_no_file_whatever_breaks_the_reader(text, in_section):
    with tempfile.TemporaryDirectory() as folder:
        yard = Yard(Path(folder))
        yard.problems(("[p]\nMODEL = m.gguf\n" if in_section else "") + text)
        yard.problems(f"[p]\nMODEL = m.gguf\nEXTRA_ARGS = {text}")
