"""The image and the compose file: they say nothing about models, and what they start serves."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import text
from tests.ports import free_port

DOCKERFILE, COMPOSE = text("Dockerfile"), text("docker-compose.yml")
PORT = "8080"


def instructions() -> str:
    """The Dockerfile without its comments."""
    return re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)


def listed(block: str) -> list[str]:
    """The words of a YAML list under a key of the compose file."""
    found = re.search(rf"^( +){block}:\n((?:\1  - .*\n)+)", COMPOSE, re.MULTILINE)
    assert found, block
    return [re.sub(r" #.*", "", line.strip()[2:]) for line in found[2].splitlines()]


def at_home(words: list[str], folder: Path, port: int) -> list[str]:
    """What runs in the container, with its places in a folder of ours."""
    (folder / "config").mkdir()
    (folder / "config" / "models.conf").write_text("[*]\n")
    moved = [re.sub(r"(^|=)/(?=config|models|state)", rf"\1{folder}/", word) for word in words]
    return [sys.executable, "-m", "paddock", *(w.replace(PORT, str(port)) for w in moved)]


@contextmanager
def running(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_nothing_in_the_image_overrides_a_profile() -> None:
    everything = instructions() + "\n".join(re.sub(r"#.*", "", x) for x in COMPOSE.splitlines())
    assert "LLAMA_ARG" not in everything
    assert not re.search(r"-ngl|n-gpu-layers|ctx-size|flash-attn|--fit\b|tensor-split", everything)


def test_the_image_alone_asks_for_keys_since_it_listens_to_everybody(tmp_path: Path) -> None:
    found = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found
    done = subprocess.run(
        at_home(json.loads(found[1]), tmp_path, free_port()), capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "there are no keys" in done.stderr


def test_what_compose_starts_is_healthy_by_its_own_check(tmp_path: Path) -> None:
    port = free_port()
    found = re.search(r'test: \["CMD", "[^"]+", "-c", "(.*)"\]$', COMPOSE, re.MULTILINE)
    assert found
    check = [sys.executable, "-c", found[1].replace(PORT, str(port))]
    with running(at_home(listed("command"), tmp_path, port)) as daemon:
        assert daemon.stderr
        said = next((line for line in daemon.stderr if "answers at" in line), None)
        assert said
        assert subprocess.run(check).returncode == 0
    gone = subprocess.run(check, capture_output=True)
    assert gone.returncode != 0


def test_compose_publishes_on_loopback_alone() -> None:
    assert listed("ports") == [f'"127.0.0.1:{PORT}:{PORT}"']


@pytest.mark.parametrize("arg", ["BACKEND", "CUDA_ARCHITECTURES"])
def test_what_compose_passes_to_the_image_is_asked_for_there(arg: str) -> None:
    assert re.search(rf"^ +{arg}: ", COMPOSE, re.MULTILINE)
    assert re.search(rf"^ARG {arg}=", DOCKERFILE, re.MULTILINE)


def test_the_architectures_that_are_compiled_unless_one_chooses_are_the_same_in_both() -> None:
    in_image = re.search(r"^ARG CUDA_ARCHITECTURES=(\S+)$", DOCKERFILE, re.MULTILINE)
    in_compose = re.search(r"\$\{CUDA_ARCHITECTURES:-([^}]+)\}", COMPOSE)
    assert in_image
    assert in_compose
    assert in_image[1] == in_compose[1]


def test_the_llama_server_in_the_image_is_the_one_that_is_tested() -> None:
    tested = re.search(r"^NATIVE_VERSION := (\S+)$", text("Makefile"), re.MULTILINE)
    in_image = re.search(r"^ARG LLAMA_VERSION=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert tested
    assert in_image
    assert tested[1] == in_image[1]
