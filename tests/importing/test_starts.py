"""Compose files, units and scripts: no comment is lost without a word, and no text breaks the import."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddock.errors import ConfigError
from paddock.importing.page import Page
from paddock.importing.starts import read_starts
from tests.importing.known import KnownFlags

FILES = {
    "start.sh": """\
set -e
ROOT="$(dirname "$0")"
args=(
  -c 512
  --parallel 1
)
if [ -n "$1" ]; then
  cd /srv
fi
export A=1
llama-server -m "$ROOT/a.gguf" "${args[@]}"
B=2 llama-server -m b.gguf --jinja
echo done
""",
    "chat.service": """\
[Unit]
Description=Chat
[Service]
Environment=A=1
ExecStart=/usr/bin/llama-server \\
  -m a.gguf \\
  -c 512
Restart=always
[Install]
WantedBy=multi-user.target
""",
    "box.container": """\
[Container]
Image=llama.cpp:server
Volume=/srv:/srv
Exec=-m /srv/a.gguf -c 512
[Install]
WantedBy=default.target
""",
    "compose.yaml": """\
services:
  a:
    image: llama.cpp:server
    command:
      - -m
      - /srv/a.gguf
    environment:
      - LLAMA_ARG_CTX_SIZE=512
  web:
    image: nginx
    ports: [80]
volumes:
  x:
""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("starts")


def page_of(folder: Path, name: str, text: str) -> Page:
    (folder / name).write_text(text)
    return read_starts(folder / name, KnownFlags(), {}, Path("/home/me"))[0]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_each_comment_is_in_the_file_or_reported(
    folder: Path, name: str, data: st.DataObject
) -> None:
    lines = FILES[name].splitlines()
    places = data.draw(st.sets(st.integers(0, len(lines)), max_size=4))
    text, said = [], []
    for number, line in enumerate([*lines, ""]):
        if number in places:
            said.append(f"said{number}x")
            indent = (
                data.draw(st.sampled_from(["", "  ", "    "])) if name == "compose.yaml" else ""
            )
            text.append(f"{indent}# {said[-1]}")
        text.append(line)
    page = page_of(folder, name, "\n".join(text))
    notes = " ".join(f"{note.where} {note.what}" for note in page.notes)
    for comment in said:
        at = next(n for n, one in enumerate(text, start=1) if comment in one)
        assert comment in page.text or comment in notes or _is_within(page, at)


def _is_within(page: Page, line: int) -> bool:
    for note in page.notes:
        first, dash, last = note.where.partition(":")[2].partition(" ")[0].partition("-")
        if dash and int(first) <= line <= int(last):
            return True
    return False


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_shape_becomes_a_profile(folder: Path, name: str) -> None:
    page = page_of(folder, name, FILES[name])
    assert page.profiles
    assert "ctx-size = 512" in page.text


MARKS = st.text(st.sampled_from("ab =:-#\n\t[]{}()'\"\\$&|;<>*!%@,0"), max_size=60)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(sorted(FILES)), MARKS, st.integers(0, 300))
def test_no_text_breaks_the_import(folder: Path, name: str, marks: str, at: int) -> None:
    whole = FILES[name]
    with contextlib.suppress(ConfigError):
        assert page_of(folder, name, whole[:at] + marks + whole[at:]).lines
