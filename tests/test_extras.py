"""The command for an extra goes into the environment that this Paddock is in, whichever program made it."""

import json
from pathlib import Path

import pytest

from paddock.extras import install_command

PIPX, UV = "pipx_metadata.json", "uv-receipt.toml"


def environment(folder: Path, name: str = "", text: str = "") -> Path:
    (folder / "bin").mkdir(parents=True)
    if name:
        (folder / name).write_text(text)
    return folder


def test_of_an_environment_whose_pip_is_first_on_path_pip_is_enough(tmp_path: Path):
    here = environment(tmp_path / "venv")
    (here / "bin" / "pip").write_text("#!/bin/sh\n")
    (here / "bin" / "pip").chmod(0o755)
    command = install_command("tune", prefix=here, environ={"PATH": f"{here}/bin:/usr/bin"})
    assert command == "pip install 'paddock-llm[tune]'"


@pytest.mark.parametrize(("has_pip", "by"), [(True, "{} -m pip install"), (False, "uv pip install --python {}")])  # fmt: skip
def test_of_one_that_is_not_activated_its_python_is_named(tmp_path: Path, has_pip: bool, by: str):
    here = environment(tmp_path / "my venv")
    if has_pip:
        (here / "lib/python3.11/site-packages/pip").mkdir(parents=True)
    command = install_command("tune", prefix=here, environ={"PATH": "/usr/bin"})
    assert command == by.format(f"'{here}/bin/python'") + " 'paddock-llm[tune]'"


def test_pipx_is_given_the_libraries_for_the_environment_by_its_name(tmp_path: Path):
    here = environment(tmp_path / "x", PIPX, json.dumps({"environment": "paddock-llm-2"}))
    command = install_command("tune", prefix=here, environ={})
    assert command.startswith("pipx inject paddock-llm-2 'optuna>=")


@pytest.mark.parametrize(
    ("ours", "command"),
    [
        ('extras = ["embedded"]', "'paddock-llm[embedded,tune]'"),
        ('extras = ["embedded"], directory = "/src/pad dock"', "'/src/pad dock[embedded,tune]'"),
        ('editable = "/src/paddock"', "--editable '/src/paddock[tune]'"),
        ('path = "/dl/p.whl"', "'/dl/p.whl[tune]'"),
        ('url = "https://h/p.whl"', "'paddock-llm[tune] @ https://h/p.whl'"),
    ],
)
def test_uv_is_given_again_what_it_had(tmp_path: Path, ours: str, command: str):
    receipt = f'[tool]\nrequirements = [{{ name = "paddock-llm", {ours} }}, {{ name = "httpx", specifier = ">=1" }}]\n'
    here = environment(tmp_path / "uv", UV, receipt)
    found = install_command("tune", prefix=here, environ={})
    assert found == f"uv tool install {command} --with 'httpx>=1'"


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"environment": 1'])
def test_files_that_cannot_be_read_cost_no_answer(tmp_path: Path, broken: str):
    by_uv = environment(tmp_path / "uv", UV, broken)
    by_pipx = environment(tmp_path / "px", PIPX, broken)
    assert "paddock-llm[tune]" in install_command("tune", prefix=by_uv, environ={})
    assert install_command("hub", prefix=by_pipx, environ={}).startswith("pipx inject px ")
