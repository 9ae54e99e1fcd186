"""What a container is asked for, on machines and for GPUs that are made up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paddock.engine.container_options import (
    Host,
    Mount,
    container_name,
    creation,
    gpus,
    mounts,
    passed,
    unreachable_gpus,
)

HERE = Host(user=1000, group=100)
IMAGE: dict[str, Any] = {"Config": {"Entrypoint": None}}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A model, a link into a store of blobs, a folder for contexts, a socket's folder."""
    for folder in ("models", "blobs", "slots", "run/7"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "models" / "a.gguf").touch()
    (tmp_path / "blobs" / "b").touch()
    (tmp_path / "models" / "b.gguf").symlink_to(tmp_path / "blobs" / "b")
    return {
        "model": str(tmp_path / "models" / "a.gguf"),
        "link": str(tmp_path / "models" / "b.gguf"),
        "slots": str(tmp_path / "slots"),
        "socket": str(tmp_path / "run" / "7" / "llama.sock"),
    }


def test_it_gets_the_folders_of_what_is_named_and_may_write_where_it_must(
    files: dict[str, str], tmp_path: Path
):
    flags = [
        "--model",
        files["model"],
        "--mmproj",
        files["link"],
        "--slot-save-path",
        files["slots"],
    ]
    flags += ["--host", files["socket"], "--chat-template", "/no/such/file", "--temp", "0"]
    assert mounts(flags) == [
        Mount(str(tmp_path / "blobs")),
        Mount(str(tmp_path / "models")),
        Mount(str(tmp_path / "run" / "7"), writable=True),
        Mount(str(tmp_path / "slots"), writable=True),
    ]


def test_it_is_shut_off_from_everything_else(files: dict[str, str]):
    flags = ["--model", files["model"], "--host", files["socket"], "--alias", "org/a b"]
    wanted = creation(IMAGE, "image:1", flags, {}, HERE)
    config = wanted["HostConfig"]
    assert (config["NetworkMode"], config["CapDrop"], config["ReadonlyRootfs"]) == (
        "none", ["ALL"], True
    )  # fmt: skip
    assert "no-new-privileges" in config["SecurityOpt"]
    assert wanted["User"] == "1000:100"
    assert wanted["Labels"]["paddock.socket"] == files["socket"]
    assert wanted["Labels"]["paddock.place"] == str(Path(files["socket"]).parents[1])
    assert "Devices" not in config
    assert "Memory" not in config


def test_rpc_devices_are_beyond_the_network(files: dict[str, str]):
    flags = ["--host", files["socket"], "--rpc", "127.0.0.1:50052"]
    assert creation(IMAGE, "i", flags, {}, HERE)["HostConfig"]["NetworkMode"] == "host"


def test_a_question_needs_no_network():
    assert creation(IMAGE, "i", ["--help"], {}, HERE)["HostConfig"]["NetworkMode"] == "none"
    assert container_name(["--help"]) is None


def test_its_name_shows_people_which_it_is(files: dict[str, str]):
    name = container_name(["--alias", "org/a b", "--host", files["socket"]])
    assert name
    assert name.startswith("paddock-org-a-b-7-")


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        (None, ["llama-server"]),
        (["/bin/sh", "-c"], ["llama-server"]),
        (["/app/llama-server"], ["/app/llama-server"]),
        (["tini", "--", "/app/llama-server"], ["tini", "--", "/app/llama-server"]),
    ],
)
def test_an_image_that_starts_a_llama_server_is_let(entry: list[str] | None, wanted: list[str]):
    image = {"Config": {"Entrypoint": entry}}
    made = creation(image, "i", ["--help"], {}, HERE)
    assert (made["Entrypoint"], made["Cmd"]) == (wanted, ["--help"])


def test_of_our_environment_it_gets_what_is_meant_for_it():
    env = {
        "PATH": "/bin", "HOME": "/home/me", "LLAMA_SERVER_ROUTER_PORT": "1", "GGML_X": "2",
        "CUDA_VISIBLE_DEVICES": "0", "SECRET": "s", "FLAVOUR": "mint",
        "PADDOCK_CONTAINER_ENV": "FLAVOUR,GONE",
    }  # fmt: skip
    assert passed(env) == {
        "HOME": "/tmp", "LLAMA_SERVER_ROUTER_PORT": "1", "GGML_X": "2",
        "CUDA_VISIBLE_DEVICES": "0", "FLAVOUR": "mint",
    }  # fmt: skip


def test_a_limit_of_memory_leaves_no_way_into_swap():
    config = creation(IMAGE, "i", [], {"PADDOCK_CONTAINER_MEMORY": "64"}, HERE)["HostConfig"]
    assert config["Memory"] == config["MemorySwap"] == 64 << 20


@pytest.mark.parametrize("flags", [["--mlock"], ["--load-mode", "mmap+mlock"]])
def test_pinned_memory_needs_its_limit_lifted(flags: list[str]):
    config = creation(IMAGE, "i", flags, {}, HERE)["HostConfig"]
    assert config["Ulimits"] == [{"Name": "memlock", "Soft": -1, "Hard": -1}]


def test_a_rootless_podman_keeps_our_own_user():
    host = replace(HERE, is_podman=True, is_rootless=True)
    assert creation(IMAGE, "i", [], {}, host)["HostConfig"]["UsernsMode"] == "keep-id"


def test_a_rootless_docker_on_a_made_up_machine_calls_us_root():
    assert creation(IMAGE, "i", [], {}, replace(HERE, is_rootless=True))["User"] == "0:0"


def test_nvidia_by_cdi_on_a_made_up_machine():
    host = replace(HERE, has_nvidia=True, has_nvidia_cdi=True)
    request = {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}
    assert gpus(host) == {"DeviceRequests": [request]}
    [device] = gpus(replace(host, is_podman=True))["Devices"]
    assert device["PathOnHost"] == "nvidia.com/gpu=all"
    assert unreachable_gpus(host) == ""


def test_nvidia_by_its_runtime_on_a_made_up_machine():
    host = replace(HERE, has_nvidia=True, has_nvidia_runtime=True)
    assert gpus(host) == {"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]}


def test_nvidia_that_cannot_be_passed_on_is_reported_with_the_remedy():
    host = replace(HERE, has_nvidia=True)
    assert gpus(host) == {}
    assert "nvidia-ctk cdi generate" in unreachable_gpus(host)


def test_amd_by_its_nodes_and_their_groups_on_a_made_up_machine():
    config = gpus(replace(HERE, has_amd=True, amd_groups=(44, 109)))
    assert [device["PathOnHost"] for device in config["Devices"]] == ["/dev/kfd", "/dev/dri"]
    assert config["GroupAdd"] == ["44", "109"]


def test_a_path_with_a_colon_is_mounted_as_any_other(tmp_path: Path):
    model = tmp_path / "qwen:4b" / "m.gguf"
    model.parent.mkdir()
    model.touch()
    [mount] = creation(IMAGE, "i", ["--model", str(model)], {}, HERE)["HostConfig"]["Mounts"]
    folder = str(model.parent)
    assert mount == {"Type": "bind", "Source": folder, "Target": folder, "ReadOnly": True}
