"""Plans that are remembered, and what makes one anew."""

from dataclasses import dataclass
from pathlib import Path

from paddock.api.placement import Plan
from paddock.config.profile import Profile
from paddock.llama.scripted import ScriptedModel, write
from paddock.placement.plan_cache import PlanCache
from paddock.placement.planner import Planner
from tests.broken import without_tokenizer
from tests.placement.ground import around, profile
from tests.placement.planned import CTX, own_engine


def test_a_broken_file_is_asked_about_again_each_time(tmp_path: Path):
    here = Counted(tmp_path)
    without_tokenizer(here.model)
    assert here.plan().refusal
    assert here.plan().refusal
    assert here.runs == 2
    assert here.planner.refused_before(here.profile(), here.engine)
    write(here.model, ScriptedModel(say="Mended."))
    assert not here.planner.refused_before(here.profile(), here.engine)
    assert here.plan().source == "engine"


@dataclass
class Counted:
    """An engine that writes down its runs, and a model and a planner of its own."""

    folder: Path

    def __post_init__(self) -> None:
        self.model = write(self.folder / "m.gguf", ScriptedModel(say="Hi."))
        self.engine = own_engine(self.folder, f"echo run >> {self.folder}/runs")
        self.planner = Planner(PlanCache(self.folder / "plans"))

    def profile(self, flags: str = CTX) -> Profile:
        return profile(f"model = {self.model}\nparallel = 1\n{flags}", self.folder, self.engine)

    def plan(self, flags: str = CTX) -> Plan:
        return self.planner.plan(self.profile(flags), self.engine, None, around())

    @property
    def runs(self) -> int:
        return len((self.folder / "runs").read_text().splitlines())


def test_a_plan_is_made_once(tmp_path: Path):
    here = Counted(tmp_path)
    assert here.plan() == here.plan()
    assert here.runs == 1
    here.planner = Planner(PlanCache(tmp_path / "plans"))  # after a restart
    here.plan()
    assert here.runs == 1


def test_it_is_made_anew_for_other_flags(tmp_path: Path):
    here = Counted(tmp_path)
    assert [here.plan(f"ctx-size = {n}\n").n_ctx for n in (512, 1024, 512)] == [512, 1024, 512]
    assert here.runs == 2


def test_it_is_made_anew_for_another_file(tmp_path: Path):
    here = Counted(tmp_path)
    before = here.plan().devices
    write(here.model, ScriptedModel(say="Hi.", target_mib=20))
    assert here.plan().devices != before
    assert here.runs == 2


def test_it_is_made_anew_by_another_engine(tmp_path: Path):
    here = Counted(tmp_path)
    here.plan()
    here.engine = own_engine(tmp_path, f"echo run >> {tmp_path}/runs # new")
    here.plan()
    assert here.runs == 2


def test_an_estimate_is_not_kept(tmp_path: Path):
    here = Counted(tmp_path)
    here.engine = own_engine(tmp_path, "exit 3")
    assert here.plan().source == "estimate"
    assert not (tmp_path / "plans").exists()
