"""Writes models.conf files and reads them against the flags of a real build."""

from pathlib import Path

from paddock.config.models_conf import load, read
from paddock.config.profile import Problem, Profile, Stable
from paddock.llama.flags import parse_help

FLAGS = parse_help(
    (Path(__file__).parents[1] / "llama" / "help-11434.txt").read_text(encoding="utf-8")
)


def flags_of_the_build(_engine):
    return FLAGS


def no_engine(_engine):
    return None


class Yard:
    """A folder with models.conf and a models folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "models.conf"
        self.models = folder / "models"
        self.models.mkdir()
        (self.models / "m.gguf").touch()

    def write(self, text: str | bytes) -> None:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)

    def load(self, text: str | bytes, flags_for=flags_of_the_build) -> Stable:
        self.write(text)
        return load(self.path, flags_for=flags_for)

    def problems(self, text: str | bytes, flags_for=flags_of_the_build) -> list[Problem]:
        self.write(text)
        return list(read(self.path, flags_for=flags_for)[1])

    def errors(self, text: str | bytes, flags_for=flags_of_the_build) -> list[str]:
        """Each error without the file's folder."""
        return [self._short(p) for p in self.problems(text, flags_for) if p.severity == "error"]

    def warnings(self, text: str | bytes, flags_for=flags_of_the_build) -> list[str]:
        return [self._short(p) for p in self.problems(text, flags_for) if p.severity == "warning"]

    def profile(self, keys: str, *, shared: str = "") -> Profile:
        """The profile of one section with a model and these keys."""
        text = f"[*]\n{shared}\n[p]\nMODEL = m.gguf\n{keys}\n"
        return self.load(text).profiles["p"]

    def argv(self, keys: str, *, shared: str = "") -> list[str]:
        """Its command line after the model."""
        return list(self.profile(keys, shared=shared).argv[2:])

    def _short(self, problem: Problem) -> str:
        return str(problem).replace(f"{self.folder}/", "")
