"""Which comments belong to which profile: for people to read, without a say in what runs."""

import pytest

from paddock.config.explain import compare

FILE = """\
# My models. Edit me.

# for all of them
[*]
threads = 4

# ---- small ones ----

# about a
; and more of it
[a]
# before its first key
MODEL = m.gguf
  # indented
EXTRA_ARGS = --temp 0.7
    # within a value
    --top-k 20
# below a

# ---- big ones ----

# about b
[b]
MODEL = m.gguf
# about c
[c]
MODEL = m.gguf
"""


def test_they_stand_above_the_header_between_the_keys_or_right_below(yard):
    profiles = yard.load(FILE).profiles
    assert profiles["a"].comments == (
        "# about a",
        "; and more of it",
        "# before its first key",
        "# indented",
        "# within a value",
        "# below a",
    )
    assert profiles["b"].comments == ("# about b",)
    assert profiles["c"].comments == ("# about c",)


def test_a_value_may_hold_what_looks_like_one(yard):
    profile = yard.load("[a]\nMODEL = m.gguf\nDESCRIPTION = ; # no comment\n").profiles["a"]
    assert profile.comments == ()
    assert profile.description == "; # no comment"


def test_keys_before_the_first_section_have_theirs(yard):
    text = "# the only model\n\nMODEL = m.gguf\n\n# of nobody\n\n[b]\nMODEL = m.gguf"
    profiles = yard.load(text).profiles
    assert profiles["default"].comments == ("# the only model",)
    assert profiles["b"].comments == ()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_may_begin_and_end_with_them(yard, end):
    text = end.join(["# first", "[a]", "MODEL = m.gguf", "# last"])
    assert yard.load(text).profiles["a"].comments == ("# first", "# last")


def test_another_comment_is_no_change(yard):
    old, new = yard.load(FILE), yard.load(FILE.replace("# about b", "# of b"))
    assert not compare(old, new)
    assert old.profiles["b"].fingerprint == new.profiles["b"].fingerprint
    assert old.profiles["b"].comments != new.profiles["b"].comments
