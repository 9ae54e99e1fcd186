"""Whatever stands in a file of ours, by hand or by another program: it is read, or its problems are reported."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.config.models_conf import read
from paddock.config.settings import load_settings
from paddock.errors import ConfigError
from tests.config.stables import FLAGS, Yard

KEYS = sorted({*FLAGS.index, "MODEL", "EXTRA_ARGS", "NAME", "ENGINE", "pin", "ttl"})
# What an editor could be given for a value, and what could end a line, a section or a word.
VALUES = st.sampled_from(
    ["", "0", "-1", "9" * 400, "1e999", "nan", "m.gguf", "../m.gguf", "~", "/", "'", '"', "\\", "$(x)",
     "`x`", ";", "#", "[b]", "= =", "--host", "--api-key x", "--port 1 --host 0.0.0.0", "\x1b[2J", "\0"]
) | st.text(max_size=20)  # fmt: skip
LINES = st.one_of(
    st.builds("{} = {}".format, st.sampled_from([k.lstrip("-") for k in KEYS]), VALUES),
    st.builds(
        "[{}]".format, st.sampled_from(["*", "a", "b", "a/b", "", "é"]) | st.text(max_size=9)
    ),
    st.text(max_size=40),
)
FILES = st.lists(LINES, max_size=14).map("\n".join)


@settings(max_examples=200, deadline=None)
@given(FILES)
def test_any_models_conf_is_read_or_every_fault_has_its_line(text: str):
    with tempfile.TemporaryDirectory() as folder:
        yard = Yard(Path(folder))
        for problem in yard.problems(text.encode("utf-8", "surrogatepass")):
            assert problem.message
            assert not problem.file or problem.file.startswith(folder)
            assert 0 <= problem.line <= text.count("\n") + text.count("\r") + 9


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_so_are_bytes_that_are_no_text(content: bytes):
    with tempfile.TemporaryDirectory() as folder:
        Yard(Path(folder)).problems(content)


@settings(max_examples=200, deadline=None)
@given(
    VALUES, st.sampled_from(["EXTRA_ARGS", "NAME", "MODEL", "threads", "alias", "chat-template"])
)
def test_no_value_reaches_over_its_own_key(value: str, key: str):
    """Neither another flag nor another section comes of it, so that an editor may write it."""
    with tempfile.TemporaryDirectory() as folder:
        yard = Yard(Path(folder))
        if value != value.strip() or not value.isprintable() or key == "EXTRA_ARGS":
            return
        yard.write(f"[a]\nMODEL = m.gguf\n{key} = {value}\n[b]\nMODEL = m.gguf\n")
        found, _ = read(yard.path, flags_for=lambda _: FLAGS)
        if found is not None:
            assert set(found.profiles) == {"a", "b"}
            assert found.profiles["b"].argv == ("--model", str(yard.models / "m.gguf"))
            names = {flag.name for flag in found.profiles["a"].flags}
            assert names <= {"--model", "--threads", "--chat-template", "--alias"}


@pytest.mark.parametrize(
    "flag", ["--host x", "--port 1", "--api-key k", "--api-key-file f", "--ssl-key-file f"]
)
@pytest.mark.parametrize("form", ["EXTRA_ARGS = {}", "{key} = {value}"])
def test_where_it_listens_and_whom_it_lets_in_is_not_a_profiles_to_say(
    tmp_path: Path, flag: str, form: str
):
    name, _, value = flag.partition(" ")
    line = form.format(flag, key=name.lstrip("-"), value=value)
    yard = Yard(tmp_path)
    yard.write(f"[a]\nMODEL = m.gguf\n{line}\n")
    found, problems = read(yard.path, flags_for=lambda _: FLAGS)
    assert len(problems) == 1, "it is said"
    assert found is None or name not in found.profiles["a"].argv


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80) | FILES.map(str.encode))
def test_any_paddock_toml_is_read_or_refused(content: bytes):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "paddock.toml"
        file.write_bytes(content)
        with suppress(ConfigError):
            load_settings(file, {})
