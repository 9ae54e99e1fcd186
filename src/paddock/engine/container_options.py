"""How a container is made for a llama-server command line: files, user, devices, limits. Pure.

The container gets what the command line names and nothing else: those files read-only, the folder of
its own socket, no network if it listens on a socket, no capabilities, a read-only file system.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any

PROGRAM = "llama-server"
LABEL = "paddock.place"  # the folder of a daemon's sockets: its containers, and nobody else's
SOCKET_LABEL = "paddock.socket"
ENVIRONMENT = "PADDOCK_CONTAINER_ENV"  # names of further variables that the container gets
MEMORY = "PADDOCK_CONTAINER_MEMORY"  # MiB of RAM at most
_WRITABLE = ("--slot-save-path",)
# Of our own environment, what backends read. LLAMA_* was filtered already: see `environment`.
_PASSED = ("LLAMA_", "GGML_", "CUDA_", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "GPU_", "OMP_")
_ALL_NVIDIA = "nvidia.com/gpu=all"  # as `nvidia-ctk cdi generate` names them


@dataclass(frozen=True, slots=True)
class Host:
    """What matters of this machine and of the container engine on it."""

    user: int
    group: int
    is_podman: bool = False
    is_rootless: bool = False
    has_nvidia: bool = False
    has_nvidia_cdi: bool = False  # a specification of its devices
    has_nvidia_runtime: bool = False
    has_amd: bool = False
    amd_groups: tuple[int, ...] = ()  # that may open its device nodes


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    writable: bool = False


def creation(
    image: Mapping[str, Any], name: str, flags: Sequence[str], env: Mapping[str, str], host: Host
) -> dict[str, Any]:
    """What the container engine is asked for (Docker's API, `POST /containers/create`).

    `image` is its description, as the API inspects it.
    """
    entry = (image.get("Config") or {}).get("Entrypoint") or []
    socket = value_of(flags, "--host")
    return {
        "Image": name,
        "Entrypoint": list(entry) if any(PROGRAM in word for word in entry) else [PROGRAM],
        "Cmd": list(flags),
        "Env": [f"{key}={value}" for key, value in passed(env).items()],
        "User": _user(host),
        "Labels": _labels(socket),
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "HostConfig": _host_config(flags, socket, host) | _memory(env.get(MEMORY, "")),
    }


def _user(host: Host) -> str:
    """Ours, so that files look the same on both sides; a rootless Docker calls us root in there."""
    if host.is_rootless and not host.is_podman:
        return "0:0"
    return f"{host.user}:{host.group}"


def container_name(flags: Sequence[str]) -> str | None:
    """`paddock-PROFILE-N-…`, for people who list containers; None for one that only prints something."""
    socket, alias = value_of(flags, "--host"), value_of(flags, "--alias")
    if not socket or not alias:
        return None
    word = "".join(c if (c.isascii() and c.isalnum()) or c in "_.-" else "-" for c in alias)
    number = PurePath(socket).parent.name
    return f"paddock-{word}-{number}-{sha256(socket.encode()).hexdigest()[:6]}"


def passed(env: Mapping[str, str]) -> dict[str, str]:
    """Of our environment, what is meant for the llama-server in the container."""
    named = set(env.get(ENVIRONMENT, "").split(","))
    kept = {k: v for k, v in env.items() if k in named or k.startswith(_PASSED)}
    return {"HOME": "/tmp", **kept}


def value_of(flags: Sequence[str], name: str) -> str:
    """The last value of a flag; "" without it."""
    places = [place for place, word in enumerate(flags[:-1]) if word == name]
    return flags[places[-1] + 1] if places else ""


def mounts(flags: Sequence[str]) -> list[Mount]:
    """The folders of what the command line names, at the places that they have here.

    Of a link, also that of what it leads to: Hugging Face's cache is made of links.
    """
    found: dict[str, bool] = {}
    for before, word in zip(["", *flags], flags, strict=False):
        if not word.startswith("/"):
            continue
        is_socket, is_store = before == "--host", before in _WRITABLE
        for folder in _folders(Path(word), is_socket=is_socket):
            found[str(folder)] = found.get(str(folder), False) or is_socket or is_store
    return [Mount(source, writable) for source, writable in sorted(found.items())]


def _folders(path: Path, *, is_socket: bool) -> Iterable[Path]:
    if is_socket:
        return [path.parent]
    if not path.exists():
        return []
    real = path.resolve()
    folders = [path, real] if path.is_dir() else [path.parent, real.parent]
    return dict.fromkeys(folder for folder in folders if folder != Path("/"))


def _labels(socket: str) -> dict[str, str]:
    if not socket:
        return {LABEL: ""}
    return {LABEL: str(PurePath(socket).parent.parent), SOCKET_LABEL: socket}


def _host_config(flags: Sequence[str], socket: str, host: Host) -> dict[str, Any]:
    needs_network = "--rpc" in flags or not socket.startswith("/")
    config: dict[str, Any] = {
        "Mounts": [_mounted(mount) for mount in mounts(flags)],
        "NetworkMode": "host" if needs_network and socket else "none",
        "CapDrop": ["ALL"],
        # Without the label, SELinux would keep it from files in a home folder.
        "SecurityOpt": ["no-new-privileges", "label=disable"],
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": "rw"},
        "LogConfig": {"Type": "none"},  # its log is ours; a second copy would grow without an end
    }
    if "--mlock" in flags or "mlock" in value_of(flags, "--load-mode"):
        config["Ulimits"] = [{"Name": "memlock", "Soft": -1, "Hard": -1}]
    if host.is_podman and host.is_rootless:
        config["UsernsMode"] = "keep-id"
    return config | gpus(host)


def _mounted(mount: Mount) -> dict[str, Any]:
    """In full, for `Binds` cannot hold a path with a colon."""
    return {
        "Type": "bind",
        "Source": mount.source,
        "Target": mount.source,
        "ReadOnly": not mount.writable,
    }


def _memory(limit: str) -> dict[str, Any]:
    """Without swap: a model that swaps is too slow to be of use."""
    if not limit.isdecimal():
        return {}
    return {"Memory": int(limit) << 20, "MemorySwap": int(limit) << 20}


def gpus(host: Host) -> dict[str, Any]:
    """How this container engine gives its containers the GPUs of this machine.

    NVIDIA by CDI where its devices are described (Docker takes that by a request, Podman by the name of
    a device), else by NVIDIA's runtime; AMD by the device nodes.
    """
    config: dict[str, Any] = {}
    if host.has_nvidia and host.has_nvidia_cdi:
        if host.is_podman:
            config["Devices"] = [_device(_ALL_NVIDIA)]
        else:
            config["DeviceRequests"] = [{"Driver": "cdi", "DeviceIDs": [_ALL_NVIDIA]}]
    elif host.has_nvidia and host.has_nvidia_runtime:
        config["DeviceRequests"] = [{"Count": -1, "Capabilities": [["gpu"]]}]
    if host.has_amd:
        nodes = [_device("/dev/kfd"), _device("/dev/dri")]
        config["Devices"] = [*config.get("Devices", []), *nodes]
        config["GroupAdd"] = [str(group) for group in host.amd_groups]
    return config


def unreachable_gpus(host: Host) -> str:
    """Why the container cannot use the machine's GPUs; "" where it can."""
    if host.has_nvidia and not host.has_nvidia_cdi and not host.has_nvidia_runtime:
        return (
            "the container sees no GPU: there is neither a CDI specification (nvidia-ctk cdi generate "
            "--output /etc/cdi/nvidia.yaml) nor NVIDIA's runtime"
        )
    return ""


def _device(path: str) -> dict[str, str]:
    return {"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm"}
