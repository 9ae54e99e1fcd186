"""Talks to the container engine of this machine by Docker's API, which Podman knows too.

Imported only by the programs that run beside the daemon: it imports an HTTP library of its own.
"""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound, NotFound

from paddock.engine.container_options import LABEL, SOCKET_LABEL, Host
from paddock.errors import EngineError

_TRIES, _PAUSE = 10, 0.2  # seconds, for a container that cannot be removed just now
_TIMEOUT = 60  # seconds for one answer; waiting for an end has none


def connect(environ: Mapping[str, str] = os.environ) -> tuple[docker.APIClient, str]:
    """The first that answers, and its address. Raises EngineError."""
    tried = []
    for url in addresses(environ):
        try:
            client = docker.APIClient(base_url=url, version="auto", timeout=_TIMEOUT)
            client.ping()
        except (DockerException, OSError) as error:
            tried.append(f"{url}: {reason_of(error)}")
        else:
            return client, url
    raise EngineError(
        "no container engine answers",
        hint="start Docker, or Podman's socket: systemctl --user enable --now podman.socket; "
        "DOCKER_HOST names another",
        detail=tuple(tried),
    )


def addresses(environ: Mapping[str, str]) -> Iterator[str]:
    """Where container engines listen: what the user says, else the usual places."""
    if named := environ.get("DOCKER_HOST") or environ.get("CONTAINER_HOST"):
        yield named
        return
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    places = ("/var/run/docker.sock", f"{runtime}/podman/podman.sock", "/run/podman/podman.sock")
    yield from (f"unix://{place}" for place in places if Path(place).exists())


def image(client: docker.APIClient, name: str) -> dict[str, Any]:
    """The image's description. Raises EngineError where it is not here: nothing is pulled unasked."""
    try:
        found: dict[str, Any] = client.inspect_image(name)
    except ImageNotFound:
        program = "podman" if _is_podman(client) else "docker"
        raise EngineError(f"there is no image {name}", hint=f"{program} pull {name}") from None
    except DockerException as error:
        raise EngineError(f"cannot look at the image {name}: {reason_of(error)}") from error
    return found


def host(client: docker.APIClient) -> Host:
    """What of this machine matters to containers."""
    info = client.info()
    security = " ".join(info.get("SecurityOptions") or ())
    return Host(
        user=os.getuid(),
        group=os.getgid(),
        is_podman=_is_podman(client),
        is_rootless="rootless" in security,
        has_nvidia=Path("/dev/nvidiactl").exists(),
        has_nvidia_cdi=any(_nvidia_specifications()),
        has_nvidia_runtime="nvidia" in (info.get("Runtimes") or {}),
        has_amd=Path("/dev/kfd").exists(),
        amd_groups=tuple(sorted(_groups())),
    )


def reap(client: docker.APIClient, place: str, living: set[str]) -> list[str]:
    """Remove the containers that are left of the daemon with this folder of sockets; returns their sockets."""
    gone = []
    found = client.containers(all=True, filters={"label": f"{LABEL}={place}"})
    for container in found:
        socket = (container.get("Labels") or {}).get(SOCKET_LABEL, "")
        if socket not in living:
            remove(client, container["Id"])
            gone.append(socket)
    return gone


def remove(client: docker.APIClient, container: str) -> None:
    """Kill and remove the container; nothing happens if it is gone already."""
    for _ in range(_TRIES):
        try:
            client.remove_container(container, force=True, v=True)
        except NotFound:
            return
        except DockerException:  # Podman may refuse one that ends at this very moment
            time.sleep(_PAUSE)
        else:
            return


def _is_podman(client: docker.APIClient) -> bool:
    parts = client.version().get("Components") or ()
    return any("podman" in str(part.get("Name", "")).lower() for part in parts)


def _nvidia_specifications() -> Iterator[Path]:
    for folder in ("/etc/cdi", "/var/run/cdi"):
        yield from Path(folder).glob("*nvidia*")


def _groups() -> set[int]:
    nodes = [Path("/dev/kfd"), *Path("/dev/dri").glob("renderD*")]
    return {node.stat().st_gid for node in nodes if node.exists()}


def reason_of(error: Exception) -> str:
    """The server's own words, where it has any."""
    words = getattr(error, "explanation", None) or str(error)
    return str(words).strip().splitlines()[-1] if str(words).strip() else type(error).__name__
