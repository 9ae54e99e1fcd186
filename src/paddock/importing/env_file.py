"""Files of `NAME=value` lines: compose's `.env` and `env_file`, systemd's `EnvironmentFile`. Pure but for reading."""

from pathlib import Path

from paddock.plain_file import read_plain


def read_env_file(path: Path) -> dict[str, str] | None:
    """Its variables; None where it cannot be read."""
    try:
        lines = read_plain(path).decode("utf-8-sig").replace("\\\n", "").splitlines()
    except (OSError, ValueError):
        return None
    stripped = (line.strip().removeprefix("export ") for line in lines)
    pairs = (line.partition("=") for line in stripped if "=" in line and line[0] not in "#;")
    return {name.strip(): _unquoted(value.strip()) for name, _, value in pairs}


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value
