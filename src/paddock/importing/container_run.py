"""`docker run …` and `podman run …`: the image, what it is given, and its command. Pure but for `--env-file`."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paddock.config.model_files import at_home
from paddock.importing.env_file import read_env_file
from paddock.importing.mounts import Mounts

PROGRAMS = frozenset({"docker", "podman", "nerdctl"})
_SWITCHES = frozenset(
    {
        "--rm", "--detach", "--interactive", "--tty", "--init", "--privileged", "--read-only",
        "--publish-all", "--no-healthcheck", "--oom-kill-disable", "--replace", "--quiet", "--no-hosts",
    }
)  # fmt: skip
_SHORT_SWITCHES = frozenset("ditPq")
# Paddock sets these in its own way.
_OWN_WAY = frozenset(
    {
        "--rm", "-d", "--detach", "-i", "-t", "--interactive", "--tty", "--init", "--name", "-p", "--publish",
        "--publish-all", "-P", "--restart", "--pull", "--replace", "--quiet", "-q", "--stop-timeout",
        "--log-driver", "--log-opt", "--hostname", "-h", "--label", "-l", "--network", "--net", "--health-cmd",
        "--no-healthcheck", "--ipc", "--shm-size", "--device", "--group-add", "--runtime", "--userns",
        "-u", "--user", "--security-opt", "--ulimit", "--cap-add", "--cap-drop", "--platform", "--read-only",
    }
)  # fmt: skip
_GPU = re.compile(r'"?device=([\w,-]+)"?')
_LLAMA_IMAGE = re.compile(r"llama[._-]?cpp|llama-server", re.IGNORECASE)
_OTHERS = re.compile(
    r"vllm|sglang|ollama|kobold|tabby|whisper|diffusion|comfy|lemonade|exllama|aphrodite|tensorrt|tgi|infinity",
    re.IGNORECASE,
)


@dataclass(slots=True)
class ContainerRun:
    """One container as its command line describes it."""

    image: str = ""
    command: list[str] = field(default_factory=list)  # what follows the image
    entrypoint: str = ""
    env: dict[str, str] = field(default_factory=dict)
    mounts: Mounts = field(default_factory=Mounts)
    memory: int | None = None  # MiB
    lost: list[str] = field(default_factory=list)  # options that Paddock's containers do not get

    @property
    def is_llama(self) -> bool:
        """Whether it runs a llama-server, by its names and flags."""
        first = self.entrypoint or (self.command[0] if self.command else "")
        if "llama-server" in Path(first).name:
            return True
        if self.is_other:
            return False
        return bool(_LLAMA_IMAGE.search(self.image)) or self._has_gguf()

    @property
    def is_other(self) -> bool:
        """Whether its name says that it is another server."""
        return _OTHERS.search(self.image) is not None

    def _has_gguf(self) -> bool:
        names = {"-m", "--model", "-hf", "--hf-repo"}
        return not names.isdisjoint(self.command) and any(
            ".gguf" in w.lower() for w in self.command
        )

    @property
    def flags(self) -> list[str]:
        """The words for its llama-server; the images with all tools take `--server` first."""
        words = self.command
        while words and (not words[0].startswith("-") or words[0] in ("--server", "-s")):
            words = words[1:]
        return words


def container_run(words: Sequence[str], folder: Path) -> ContainerRun | None:
    """What `docker run` with these words (less `docker`) makes; None where it is another command."""
    rest = list(words)
    while rest and rest[0] not in ("run", "exec", "start", "compose"):
        rest.pop(0)
    if not rest or rest.pop(0) != "run":
        return None
    out = ContainerRun()
    while rest and rest[0].startswith("-"):
        option, value = _option(rest)
        _take(out, option, value, folder)
    out.image, out.command = (rest[0], rest[1:]) if rest else ("", [])
    return out


def _option(rest: list[str]) -> tuple[str, str]:
    word = rest.pop(0)
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        if equals or name in _SWITCHES:
            return name, value
    elif set(word[1:]) <= _SHORT_SWITCHES:
        return word[:2], ""
    elif len(word) > 2:  # -p8080:80
        return word[:2], word[2:].removeprefix("=")
    else:
        name = word
    return name, rest.pop(0) if rest else ""


def _take(out: ContainerRun, option: str, value: str, folder: Path) -> None:
    if option in ("-v", "--volume"):
        out.mounts.add_short(value, folder)
    elif option == "--mount":
        out.mounts.add_long(dict(part.partition("=")[::2] for part in value.split(",")), folder)
    elif option in ("-e", "--env"):
        name, _, text = value.partition("=")
        out.env[name] = text
    elif option == "--entrypoint":
        out.entrypoint = value
    elif option in ("-m", "--memory"):
        out.memory = mib(value)
    elif option == "--gpus":
        take_gpus(out.env, value)
    elif option == "--device":
        take_device(out.env, value)
    elif option == "--env-file":
        given = read_env_file(folder / at_home(value))
        out.env |= {**(given or {}), **out.env}
        out.lost += [] if given is not None else [shlex.join([option, value])]
    elif option not in _OWN_WAY:
        out.lost.append(shlex.join([option, value]) if value else option)


def take_gpus(env: dict[str, str], value: str) -> None:
    """Paddock gives a container all GPUs; a choice among them becomes CUDA's own variable."""
    if found := _GPU.fullmatch(value):
        env.setdefault("CUDA_VISIBLE_DEVICES", found[1])


def take_device(env: dict[str, str], value: str) -> None:
    """A GPU by its name in the Container Device Interface, `nvidia.com/gpu=1`; other devices are no choice."""
    vendor, _, number = value.partition("=")
    if vendor == "nvidia.com/gpu" and number not in ("", "all"):
        before = env.get("CUDA_VISIBLE_DEVICES")
        env["CUDA_VISIBLE_DEVICES"] = f"{before},{number}" if before else number


def mib(text: str) -> int | None:
    """`32g` as containers count it; None where it is no size."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?", text.strip().lower())
    if not found:
        return None
    scale = {"": 1 / (1 << 20), "b": 1 / (1 << 20), "k": 1 / 1024, "m": 1, "g": 1024, "t": 1 << 20}
    return int(float(found[1]) * scale[found[2]]) or None
