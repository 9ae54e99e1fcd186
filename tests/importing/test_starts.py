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


# ---- variables from files ----


def started(path: Path, text: str) -> Page:
    path.write_text(text)
    page, _ = read_starts(path, KnownFlags(), {}, path.parent)
    return page


def test_a_unit_s_files_of_variables_count_as_in_systemd_and_keys_stay_there(tmp_path: Path):
    (tmp_path / "first.env").write_text("CTX=1\nCTX=65536\n# more\nMORE='--jinja -b 512'\n")
    (tmp_path / "last.env").write_text("LLAMA_API_KEY=secret\nLLAMA_ARG_N_PARALLEL=2\n")
    page = started(
        tmp_path / "chat.service",
        "[Service]\nEnvironment=CTX=0\nEnvironmentFile=%h/first.env\n"
        f"EnvironmentFile=-{tmp_path}/last.env\n"
        "ExecStart=/usr/bin/llama-server -m /a.gguf -c ${CTX} $MORE $UNSET\n",
    )
    keys = {"ctx-size = 65536", "jinja = true", "batch-size = 512", "parallel = 2"}
    assert keys <= set(page.text.splitlines())
    assert "secret" not in page.text
    assert [note.what for note in page.notes] == ["LLAMA_API_KEY"]


def test_what_an_unreadable_file_would_set_is_named(tmp_path: Path):
    page = started(
        tmp_path / "chat.service",
        "[Service]\nEnvironmentFile=/nowhere/chat.env\nEnvironment=A=1\n"
        "ExecStart=/usr/bin/llama-server -m /a.gguf -c ${CTX} $MORE -b $A\n",
    )
    lost = [note.what for note in page.notes if note.kind == "lost"]
    assert lost == ["/nowhere/chat.env", "-c '${CTX}'", "'${MORE}'"]
    assert "batch-size = 1" in page.text


def test_a_service_s_files_of_variables_are_read_and_its_own_go_over_them(tmp_path: Path):
    (tmp_path / "llama.env").write_text("LLAMA_ARG_CTX_SIZE=1\nLLAMA_ARG_NO_MMAP=1\nA=1\n")
    page = started(
        tmp_path / "compose.yaml",
        "services:\n  a:\n    image: llama.cpp:server\n"
        "    env_file: [llama.env, {path: none.env, required: false}]\n"
        "    # about it\n    command: -m /a.gguf\n"
        "    environment:\n      # tokens\n      LLAMA_ARG_CTX_SIZE: 512\n",
    )
    for lines in (
        "# about it\nmodel = /a.gguf\n",
        "# tokens\nctx-size = 512\n",
        "load-mode = none\n",
    ):
        assert lines in page.text
    assert {(note.kind, note.what) for note in page.notes} >= {
        ("lost", "none.env"),
        ("changed", "LLAMA_ARG_NO_MMAP=1"),
    }


def test_a_gpu_of_a_quadlet_and_of_a_service_is_the_engine_s(tmp_path: Path):
    quadlet = "[Container]\nImage=llama.cpp:server\nAddDevice=nvidia.com/gpu=1\nExec=-m /a.gguf\n"
    service = (
        "services:\n  a:\n    image: llama.cpp:server\n    command: -m /a.gguf\n"
        "    devices: ['nvidia.com/gpu=1', '/dev/dri:/dev/dri']\n"
    )
    for file, text in (("box.container", quadlet), ("compose.yaml", service)):
        (tmp_path / file).write_text(text)
        _, programs = read_starts(tmp_path / file, KnownFlags(), {}, tmp_path)
        assert [spec.env for spec in programs.found.values()] == [{"CUDA_VISIBLE_DEVICES": "1"}]


def test_files_that_start_a_router_alone_say_what_reads_its_files(tmp_path: Path):
    texts = {
        "r.service": "[Service]\nExecStart=/usr/bin/llama-server --models-dir /m\n",
        "r.sh": "llama-server --models-dir /m\n",
        "compose.yaml": "services: {a: {image: llama.cpp:server, command: --models-dir /m}}\n",
        "r.container": "[Container]\nImage=llama.cpp:server\nExec=--models-dir /m\n",
    }
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
        with pytest.raises(ConfigError) as raised:
            read_starts(tmp_path / file, KnownFlags(), {}, tmp_path)
        assert "`paddock init /m`" in "".join(raised.value.detail), file
