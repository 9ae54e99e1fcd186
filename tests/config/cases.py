"""The corpus of presets: files of this project's own in the shapes that people have, and what each must come to.

corpus/NAME/preset.ini     as `llama-server --models-preset` would be given it
corpus/NAME/models.txt     files of the models folder; `hub:USER/REPOSITORY/FILE` lies in Hugging Face's cache
corpus/NAME/expected.txt   every profile with its command line and its comments, then every problem
corpus/NAME/as-the-router  is there where llama.cpp's router starts the same command lines
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paddock.config.models_conf import read
from paddock.config.profile import Problem, Profile
from paddock.llama.flags import FlagSet
from paddock.llama.scripted import ScriptedModel, write

CORPUS = Path(__file__).with_name("corpus")
NAMES = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
AS_THE_ROUTER = [name for name in NAMES if (CORPUS / name / "as-the-router").exists()]


@dataclass(frozen=True, slots=True)
class Case:
    """One preset, laid out in a folder of its own."""

    name: str
    folder: Path

    @property
    def preset(self) -> Path:
        return self.folder / "preset.ini"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def hub(self) -> Path:
        return self.folder / "hub"

    @property
    def expected(self) -> str:
        return (CORPUS / self.name / "expected.txt").read_text(encoding="utf-8")

    def lay_out(self) -> None:
        self.models.mkdir()
        self.preset.write_bytes((CORPUS / self.name / "preset.ini").read_bytes())
        for line in (CORPUS / self.name / "models.txt").read_text().splitlines():
            path = self._in_cache(line[4:]) if line.startswith("hub:") else self.models / line
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, ScriptedModel(say=f"I am {path.stem}."))

    def _in_cache(self, text: str) -> Path:
        user, repository, file = text.split("/")
        home = self.hub / f"models--{user}--{repository}"
        (home / "refs").mkdir(parents=True, exist_ok=True)
        (home / "refs" / "main").write_text("a" * 40)
        return home / "snapshots" / ("a" * 40) / file

    def profiles(self, flags: FlagSet) -> tuple[dict[str, Profile], tuple[Problem, ...]]:
        """Where the file has an error there are none."""
        stable, problems = read(self.preset, models_dir=self.models, flags_for=lambda _: flags)
        return dict(stable.profiles) if stable else {}, problems

    def outcome(self, flags: FlagSet) -> str:
        """In the form of expected.txt."""
        profiles, problems = self.profiles(flags)
        lines = [line for one in profiles.values() for line in _profile(one)]
        return "\n".join([*lines, *map(_problem, problems)]).replace(f"{self.folder}/", "") + "\n"


def _profile(profile: Profile) -> Iterator[str]:
    yield f"[{profile.id}]"
    yield from (f"  {comment}" for comment in profile.comments)
    if profile.aliases:
        yield f"  aliases: {', '.join(profile.aliases)}"
    if profile.preload or profile.stop_timeout:
        yield f"  preload: {profile.preload}, stop-timeout: {profile.stop_timeout}"
    yield from (f"  {' '.join(flag.argv)}" for flag in profile.flags)


def _problem(problem: Problem) -> str:
    severity = (
        "fails" if problem.fails_check and problem.severity == "warning" else problem.severity
    )
    return f"{severity}: {problem} {f'<{problem.code}>' if problem.code else ''}".strip()
