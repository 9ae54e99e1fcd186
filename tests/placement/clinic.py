"""Profile facts for the rules of advice: real models.conf files, real model files, real plans."""

from pathlib import Path

from paddock.api.placement import Advice
from paddock.cli.offline.files import open_files
from paddock.cli.offline.planning import Local
from paddock.cli.offline.profile_facts import with_plans
from paddock.config.models_conf import load
from paddock.config.profile import Profile
from paddock.llama.scripted import ScriptedModel, write
from paddock.placement.advice import advise
from paddock.placement.examination import read_files
from paddock.placement.profile_facts import ProfileFacts
from tests.config.stables import FLAGS, flags_of_the_build
from tests.yard import engine_command

DENSE = ScriptedModel(say="Hi.", name="dense", layers=12, embd=512, heads=8, kv_heads=4, target_mib=200)  # fmt: skip
MOE = ScriptedModel(
    say="Hi.", name="moe", arch="qwen3moe", layers=12, embd=512, heads=8, kv_heads=4, experts_used=8,
    target_mib=200,
)  # fmt: skip


class Clinic:
    """A folder with models and a models.conf of one profile `p`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "models").mkdir()
        self.model(ScriptedModel(say="Hi."))

    def model(self, model: ScriptedModel, name: str = "m") -> Path:
        return write(self.folder / "models" / f"{name}.gguf", model)

    def profile(self, keys: str = "", *, shared: str = "") -> Profile:
        """MODEL stands in line 4, the keys follow."""
        text = f"[*]\n{shared}\n[p]\nMODEL = m.gguf\n{keys}\n"
        (self.folder / "models.conf").write_text(text)
        return load(self.folder / "models.conf", flags_for=flags_of_the_build).profiles["p"]

    def facts(self, keys: str = "", *, shared: str = "") -> ProfileFacts:
        """With its files, without plans."""
        profile = self.profile(keys, shared=shared)
        found = read_files(profile, cache_dir=self.folder / "cache")
        return ProfileFacts(profile=profile, flags=FLAGS, files=found)

    def planned(self, keys: str, *, shared: str) -> ProfileFacts:
        """With the plans of the tests' engine."""
        facts = self.facts(keys, shared=f"parallel = 1\nthreads = 1\n{shared}")
        files = open_files(
            self.folder / "models.conf",
            engine=engine_command()[0],
            state_dir=self.folder / "state",
        )
        return next(with_plans(Local(files), [facts]))


def found(facts: ProfileFacts, code: str) -> Advice:
    """The one piece of advice of this code."""
    (advice,) = [advice for advice in advise(facts) if advice.code == code]
    return advice


def codes(facts: ProfileFacts) -> list[str]:
    return [advice.code for advice in advise(facts)]
