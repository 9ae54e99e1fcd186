"""Engines tried for real: two that are good, one that dies in the middle, one that says something else."""

from pathlib import Path

import pytest

from paddock.api.placement import Buffer, Placement
from paddock.config.profile import Flag, Origin, Profile
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.engine.trial import CaseOutcome, TrialAnswer, try_all
from paddock.engine.trial_cases import PROMPTS, TrialCase, generated, of_file, of_profiles
from paddock.engine.trial_compare import TrialFinding, findings, is_safe
from paddock.llama.scripted import ScriptedModel, write
from tests.engine.stand_in import frail_engine
from tests.yard import engine_command


def silent(_what: str) -> None:
    pass


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("t")


@pytest.fixture(scope="module")
def cases(place: Path) -> list[TrialCase]:
    (place / "models").mkdir()
    return generated(place / "models")


@pytest.fixture(scope="module")
def good(place: Path) -> Engine:
    command = engine_command()
    return find_engine(command[0] if len(command) == 1 else "embedded", cache_dir=place)


@pytest.fixture(scope="module")
def outcomes(place: Path, cases: list[TrialCase], good: Engine) -> list[CaseOutcome]:
    return try_all(good, cases, place / "good", silent)


def _frail(place: Path) -> Engine:
    return find_engine(str(frail_engine(place / "frail")), cache_dir=place)


def by_what(found: list[TrialFinding], case: str) -> dict[str, str]:
    return {finding.what: finding.judgement for finding in found if finding.case == case}


def test_a_good_engine_is_safe_with_models_of_each_architecture(
    cases: list[TrialCase], outcomes: list[CaseOutcome]
):
    found = findings(cases, outcomes)
    assert {finding.judgement for finding in found} == {"ok"}, found
    assert is_safe(found)
    assert {finding.case for finding in found} == {
        "dense", "experts", "window", "recurrent", "hybrid", "tools", "embeddings",
        "reranking",
    }  # fmt: skip
    asked = [a for o in outcomes for q, a in o.answers.items() if q == "2,000 tokens"]
    assert len(asked) == 5
    assert all(answer.prompt_tokens >= PROMPTS["2,000 tokens"] for answer in asked)
    assert all(o.placement.buffers and o.seconds for o in outcomes)


def test_two_good_engines_are_alike(
    place: Path, cases: list[TrialCase], outcomes: list[CaseOutcome]
):
    embedded = find_engine("embedded", cache_dir=place)
    others = try_all(embedded, cases, place / "other", silent)
    found = findings(cases, others, outcomes)
    assert is_safe(found), found
    assert by_what(found, "dense")["2,000 tokens"] == "ok"


def test_a_build_that_dies_on_long_prompts_is_caught(
    place: Path, cases: list[TrialCase], outcomes: list[CaseOutcome]
):
    dense = [case for case in cases if case.name == "dense"]
    bad = try_all(_frail(place), dense, place / "bad", silent)
    found = findings(dense, bad, outcomes[:1])
    assert by_what(found, "dense") == {
        "load": "ok",
        "short": "ok",
        "100 tokens": "failed",
        "2,000 tokens": "failed",
        "process": "failed",
    }
    assert not is_safe(found)
    assert "was killed by signal 6" in bad[0].failure
    assert "GGML_ASSERT(n_tokens <= 100) failed" in bad[0].failure
    assert any("GGML_ASSERT" in line for line in bad[0].log)


def case_of(path: Path, name: str = "dense", says: str = "") -> TrialCase:
    return TrialCase(name, of_file(name, path), ("short",), says)


def test_a_model_that_cannot_be_loaded_is_a_failure_with_its_cause(place: Path, good: Engine):
    broken = place / "broken.gguf"
    broken.write_bytes(b"GGUF and nothing more")
    case = case_of(broken)
    found = findings([case], try_all(good, [case], place / "unloadable", silent))
    assert by_what(found, "dense") == {"load": "failed"}
    assert "exited with code 1" in found[0].now
    assert not is_safe(found)


def test_another_answer_than_the_scripted_one_is_a_failure(place: Path, good: Engine):
    path = write(place / "liar.gguf", ScriptedModel(say="Something else."))
    case = case_of(path, says="I am dense.")
    found = findings([case], try_all(good, [case], place / "liar", silent))
    assert by_what(found, "dense")["short"] == "failed"


def test_own_profiles_are_asked_what_fits_into_their_context(place: Path):
    def profile(*flags: tuple[str, str]) -> Profile:
        made = tuple(
            Flag(name, (value,) if value else (), Origin("p", "")) for name, value in flags
        )
        return Profile("p", 0, place / "m.gguf", made)

    small, usual = profile(("--ctx-size", "1024")), profile(("--ctx-size", "32768"))
    embeds, ranks = profile(("--embeddings", "")), profile(("--reranking", ""))
    [one, two, three, four] = of_profiles([small, usual, embeds, ranks])
    assert one.questions == ("short", "100 tokens")
    assert two.questions == ("short", "100 tokens", "2,000 tokens")
    assert three.questions == ("embedding",)
    assert four.questions == ("reranking",)


# ---- judged without an engine ----

OWN = TrialCase("own", Profile("own", 0, None, ()), ("short",), is_own=True)


def outcome(
    *,
    splits: int = 2,
    layers: int = 30,
    mib: float = 1000.0,
    speed: float = 100.0,
    text: str = "a",
    device: str = "CUDA0",
) -> CaseOutcome:
    placement = Placement(
        graph_splits=splits, layers_offloaded=layers, layers=30,
        buffers=[Buffer(device=device, kind="model", mib=mib)],
    )  # fmt: skip
    answer = TrialAnswer(text=text, prompt_speed=speed, speed=speed)
    return CaseOutcome("own", 1.0, placement=placement, answers={"short": answer})


@pytest.mark.parametrize(
    ("now", "what", "judgement"),
    [
        (outcome(splits=33), "graph splits", "worse"),
        (outcome(layers=20), "layers on devices", "worse"),
        (outcome(mib=1200.0), "CUDA0", "changed"),
        (outcome(speed=70.0), "generation speed", "worse"),
        (outcome(text="b"), "short", "changed"),
    ],
)
def test_what_is_worse_for_ones_own_profile_is_not_safe(
    now: CaseOutcome, what: str, judgement: str
):
    found = findings([OWN], [now], [outcome()])
    assert by_what(found, "own")[what] == judgement
    assert is_safe(found) == (judgement == "changed")


def test_what_is_better_or_the_same_is_safe():
    better = outcome(splits=1, mib=1010.0, speed=130.0)
    found = findings([OWN], [better], [outcome()])
    assert is_safe(found)
    assert by_what(found, "own") == {
        "load": "ok", "short": "ok", "graph splits": "changed", "prompt speed": "ok",
        "generation speed": "ok",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("device", "before", "now", "then"),
    [
        ("Vulkan0", "Host", "Vulkan", "the processor alone"),
        ("Host", "CUDA0", "the processor alone", "CUDA"),
        ("Vulkan0", "CUDA0", "Vulkan", "CUDA"),
    ],
)
def test_a_build_for_other_devices_is_compared_by_its_answers_alone(
    device: str, before: str, now: str, then: str
):
    """Other splits, layers, MiB and speeds are the devices', and no fault of the build."""
    tried = outcome(splits=9, layers=20, mib=4000.0, speed=20.0, device=device)
    found = findings([OWN], [tried], [outcome(device=before)])
    assert is_safe(found)
    assert by_what(found, "own") == {
        "load": "ok", "short": "ok", "computes with": "changed", "prompt speed": "changed",
        "generation speed": "changed",
    }  # fmt: skip
    [with_what] = [finding for finding in found if finding.what == "computes with"]
    assert (with_what.now, with_what.before) == (now, then)
    wrong = findings([OWN], [CaseOutcome("own", failure="it died")], [outcome(device=before)])
    assert not is_safe(wrong)


def test_vectors_are_compared_by_their_direction():
    case = TrialCase("e", Profile("e", 0, None, ()), ("embedding",))

    def embedded(*vector: float) -> CaseOutcome:
        return CaseOutcome(
            "e", 1.0, answers={"embedding": TrialAnswer(text="2 dimensions", vector=vector)}
        )

    near, far = embedded(2.0, 0.02), embedded(0.0, 1.0)
    assert by_what(findings([case], [near], [embedded(1.0, 0.0)]), "e")["embedding"] == "ok"
    assert by_what(findings([case], [far], [embedded(1.0, 0.0)]), "e")["embedding"] == "changed"


def test_where_nothing_was_tried_nothing_is_safe():
    assert not is_safe([])
