"""What README says to type, typed: after `init`, after `import`, and with a file beside the models."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.docs.pages import text

FILES = {"GLM-4.7-Flash-Q4_K_M.gguf": "Glm.", "Qwen3-Coder-30B-Q5_K_M.gguf": "Qwen."}
# One that follows a log, those that are the way here, and one that measures for minutes (`test_bench.py`).
_LEFT = ("logs", "init", "add", "bench", "tune")
_TILL_AN_ANSWER = 6  # of the commands; the rest asks a daemon, however its file came to be
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def new_home(tmp_path: Path, unused_tcp_port: int) -> tuple[Path, Run]:
    """An empty home with a folder of models, and how a user types there; nothing listens at 8080."""
    models = tmp_path / "models"
    models.mkdir()
    for name, says in FILES.items():
        write(models / name, ScriptedModel(say=says, name=name.partition("-Q")[0]))
    env = {k: v for k, v in os.environ.items() if "XDG" not in k} | {"HOME": str(tmp_path)}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    env.pop("PADDOCK_URL", None)

    def run(line: str, *, at: bool = False) -> tuple[int, str]:
        line = line.replace("127.0.0.1:8080", f"127.0.0.1:{unused_tcp_port}")
        line = re.sub(r"^paddock", f"{sys.executable} -m paddock", line)
        done = subprocess.run(
            line,
            shell=True,
            cwd=tmp_path,
            env=env | ({"PADDOCK_URL": f"http://127.0.0.1:{unused_tcp_port}"} if at else {}),
            capture_output=True,
            text=True,
            timeout=100,
        )
        return done.returncode, done.stdout + done.stderr

    settings = tmp_path / ".config" / "paddock" / "paddock.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'listen = "127.0.0.1:{unused_tcp_port}"\nmodels-dir = "{models}"\n')
    return tmp_path, run


def lines() -> list[str]:
    """The commands of README's sections on one's own models, without comments, `\\` joined."""
    page = text("README.md")
    part = page.partition("paddock check ")[1:]
    blocks = re.findall(r"```sh\n(.*?)```", "```sh\n" + "".join(part), re.DOTALL)[:2]
    joined = "".join(blocks).replace("\\\n", " ")
    found = [line.partition("  #")[0].strip() for line in joined.splitlines()]
    return [line for line in found if line and line.split()[1] not in _LEFT]


def test_the_commands_are_those_that_are_meant() -> None:
    verbs = [line.split()[1] for line in lines() if line.startswith("paddock")]
    assert verbs == [
        "check",
        "list",
        "plan",
        "show",
        "start",
        "switch",
        "status",
        "doctor",
    ]


@pytest.mark.parametrize("way", ["init", "wrapper", "beside"])
def test_they_work_however_the_file_came_to_be(new_home: tuple[Path, Run], way: str) -> None:
    home, run = new_home
    names, more = {"glm-flash": "glm-flash", "qwen-coder": "qwen-coder"}, ""
    if way == "init":
        assert run("paddock init ~/models")[0] == 0
        names = {"glm-flash": "glm-4.7-flash-q4_k_m", "qwen-coder": "qwen3-coder-30b-q5_k_m"}
    elif way == "wrapper":
        _file(home / "studio")
        (home / "studio" / "models").symlink_to(home / "models")
        (home / ".config" / "paddock" / "paddock.toml").rename(home / "listen.toml")
        assert run("paddock import wrapper ~/studio")[0] == 0
        settings = home / ".config" / "paddock" / "paddock.toml"
        listen = (home / "listen.toml").read_text().splitlines()[0]
        settings.write_text(f"{listen}\n{settings.read_text()}")
    else:
        _file(home)
        (home / ".config" / "paddock" / "paddock.toml").rename(home / "paddock.toml")
        more = " --config models.conf"
        run = partial(run, at=True)  # the usual address is nobody's here
    try:
        for line in lines() if way == "init" else lines()[:_TILL_AN_ANSWER]:
            own = re.sub("|".join(names), lambda found: names[found[0]], line)
            is_ours = line.split()[1] in ("check", "list", "plan", "show", "start")
            status, said = run(own + more * is_ours)
            assert status == 0, (own, said)
            if line.startswith("curl"):
                assert "Glm." in said
    finally:
        run("paddock stop")


def _file(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    page = text("README.md").partition("```ini\n")[2].partition("```")[0]
    (folder / "models.conf").write_text(page)
