"""Programs that start another one with something changed: how many words each takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prefix:
    """`why`: the reason in the note about it, "" for the usual one; None: no note, nothing is lost."""

    valued: frozenset[str] = frozenset()  # its options that take the next word
    verbs: int = 0  # words right behind its name, as in `toolbox run`
    operands: int = 0  # words of its own before the command
    until: str = ""  # a word that ends its own
    why: str | None = ""


def _takes(*valued: str, verbs: int = 0, operands: int = 0, why: str | None = "") -> Prefix:
    return Prefix(frozenset(valued), verbs, operands, why=why)


_CONDA = _takes("-n", "--name", "-p", "--prefix", "--cwd", verbs=1)
_TOOLBOX = ("-c", "--container", "-d", "--distro", "-r", "--release")


_USER = "Paddock's instances run as the daemon's user"
_BOXED = (
    "it runs in a sandbox of its own: the engine's `path` must be one that this system can start"
)

PREFIXES = {
    "env": _takes("-u", "--unset", "-C", "--chdir", why=None),
    "exec": _takes("-a", why=None),
    "command": _takes(why=None),
    "nohup": _takes(why=None),
    "setsid": _takes(why=None),
    "stdbuf": _takes("-i", "-o", "-e", "--input", "--output", "--error", why=None),
    "unbuffer": _takes(why=None),
    "tini": _takes("-e", "-p", why=None),
    "dumb-init": _takes(why=None),
    "time": _takes("-f", "-o", why=None),
    "nice": _takes("-n", "--adjustment"),
    "ionice": _takes("-c", "-n", "--class", "--classdata"),
    "chrt": _takes("-T", "-P", "-D", operands=1),
    "taskset": _takes(operands=1),
    "numactl": _takes(
        "-i", "-N", "-m", "-C", "-p", "-P", "-w",
        "--interleave", "--cpunodebind", "--membind", "--physcpubind", "--preferred",
    ),
    "schedtool": Prefix(frozenset({"-n", "-a", "-p"}), until="-e"),
    "timeout": _takes("-s", "-k", "--signal", "--kill-after", operands=1),
    "prlimit": _takes(),
    "gamemoderun": _takes(),
    "prime-run": _takes(),
    "systemd-inhibit": _takes(),
    "systemd-run": _takes("-p", "-u", "--property", "--unit", "--slice", "--description"),
    "chpst": _takes("-u", "-e", "-n", "-m"),
    "sudo": _takes("-u", "-g", "-h", "-p", "-C", "--user", "--group", why=_USER),
    "doas": _takes("-u", why=_USER),
    "runuser": _takes("-u", "-g", why=_USER),
    "gosu": _takes(operands=1, why=_USER),
    "su-exec": _takes(operands=1, why=_USER),
    "distrobox": Prefix(until="--", why=_BOXED),
    "distrobox-enter": Prefix(until="--", why=_BOXED),
    "toolbox": _takes(*_TOOLBOX, verbs=1, why=_BOXED),
    "flatpak-spawn": _takes(why=_BOXED),
    "conda": _CONDA,
    "mamba": _CONDA,
    "micromamba": _CONDA,
    "cgexec": _takes("-g"),
    "setpriv": _takes("--reuid", "--regid", "--groups", "--inh-caps", "--bounding-set"),
    "flock": _takes("-w", "-E", operands=1),
    "mangohud": _takes(),
    "screen": _takes("-S", "-dmS", "-DmS", "-T", "-c", "-e", "-h", "-p", "-s", "-t", why=None),
}  # fmt: skip
