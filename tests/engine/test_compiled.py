"""Which backends an engine has, by its files: the real ones, and folders made up."""

from dataclasses import replace
from pathlib import Path

import pytest

from paddock.engine.compiled import gpu_backends
from paddock.engine.engine import Engine
from paddock.llama.flags import FlagSet
from tests.vulkan import ENGINE, needs_vulkan
from tests.yard import engine_command


def own(program: Path | str, kind: str = "native") -> Engine:
    stamp = str(Path(program).stat().st_mtime_ns) if Path(program).exists() else ""
    return Engine("e", kind, (str(program),), "1", 1, FlagSet.of(()), stamp)  # type: ignore[arg-type]


def test_the_engine_for_the_processor_has_none():
    assert gpu_backends(own(engine_command()[0])) == frozenset()


@needs_vulkan
def test_the_vulkan_engine_has_vulkan():
    assert gpu_backends(own(ENGINE)) == {"Vulkan"}


@pytest.mark.parametrize(
    ("libraries", "has"),
    [
        (("base", "cpu", "cuda"), {"CUDA"}),
        (("base", "hip", "vulkan", "rpc"), {"ROCm", "Vulkan"}),
        (("base", "sycl"), {"SYCL"}),
    ],
)
def test_libraries_beside_a_made_up_program_say_it(
    tmp_path: Path, libraries: tuple[str, ...], has: set[str]
):
    for name in libraries:
        (tmp_path / f"libggml-{name}.so").touch()
    (tmp_path / "llama-server").write_bytes(b"ggml_sycl_init")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "linked").symlink_to(tmp_path / "llama-server")
    assert gpu_backends(own(tmp_path / "llama-server")) == has
    assert gpu_backends(own(tmp_path / "elsewhere" / "linked")) == has


@pytest.mark.parametrize(
    ("content", "has"),
    [
        (b"..ggml_cuda_init..ggml_vulkan: Found %zu", {"CUDA", "Vulkan"}),
        (b"ggml_cuda_init..hipGetDeviceCount", {"ROCm"}),
        (b"#!/bin/sh", set()),
        (b"", set()),
    ],
)
def test_a_made_up_program_of_one_file_is_searched(tmp_path: Path, content: bytes, has: set[str]):
    (tmp_path / "llama-server").write_bytes(content)
    assert gpu_backends(own(tmp_path / "llama-server")) == has


def test_of_what_is_no_program_nothing_is_known(tmp_path: Path):
    (tmp_path / "p").write_bytes(b"ggml_cuda_init")
    assert gpu_backends(own(tmp_path / "p", "container")) == frozenset()
    assert gpu_backends(replace(own(tmp_path / "gone"), identity="x")) == frozenset()
