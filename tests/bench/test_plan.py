"""Which prompts a profile is measured with, how long the rest takes, and which files it has."""

from pathlib import Path

import pytest

from paddock.bench.cold_files import files_of
from paddock.bench.depths import depths_for, left_out, prompt_tokens, streams_for
from paddock.bench.evaluation import environment, score_in, words_for
from paddock.bench.forecast import Forecast, Work
from paddock.bench.options import BenchOptions
from paddock.bench.sheet import tables
from tests.bench import runs


@pytest.mark.parametrize(
    ("context", "wanted", "expected"),
    [
        (131072, (), [512, 4096, 16384, 65536, 130992]),
        (16384 + 64 + 16, (), [512, 4096, 16384]),
        (5000, (), [512, 4096]),  # the end is too close to 4k to be worth its time
        (300, (), [220]),
        (60, (), []),
        (8192, (4096, 128, 99999), [128, 4096]),
    ],
)
def test_depths_go_up_to_the_context_and_leave_room_for_the_answer(
    context: int, wanted: tuple[int, ...], expected: list[int]
) -> None:
    assert depths_for(context, 64, wanted) == expected


@pytest.mark.parametrize(
    ("slots", "wanted", "expected"),
    [(1, (), []), (2, (), [2]), (4, (), [2, 4]), (6, (), [2, 4, 6]), (4, (1, 3, 9), [3])],
)
def test_streams_go_up_to_the_slots(
    slots: int, wanted: tuple[int, ...], expected: list[int]
) -> None:
    assert streams_for(slots, wanted) == expected


@pytest.mark.parametrize(
    ("context", "depths", "streams", "notes"),
    [
        (8192, (), (), []),
        (8192, (512, 999_424), (1, 2), ["longer than its context of 8,192 tokens lets a prompt be: 999,424"]),
        (8192, (), (1, 3, 9), ["more streams than its 4 slots: 9"]),
        (60, (), (), ["no prompt fits its context of 60 tokens"]),
    ],
)  # fmt: skip
def test_what_was_asked_for_and_is_not_measured_is_said(
    context: int, depths: tuple[int, ...], streams: tuple[int, ...], notes: list[str]
) -> None:
    options = BenchOptions(depths=depths, streams=streams)
    measured = depths_for(context, options.answer, depths), streams_for(4, streams)
    assert left_out(context, 4, options, *measured) == notes


def test_a_profile_without_a_measured_prompt_says_why_in_the_table() -> None:
    one = runs.profile(depths=[], streams=[], notes=["it generates no text"])
    overview, *others = tables(runs.run(1, one, runs.profile("qwen", notes=["quick"])))
    assert overview.notes == ("glm: it generates no text",)
    assert sum("quick" in note for table in others for note in table.notes) == 1


def test_two_prompts_share_no_beginning() -> None:
    one, other = (prompt_tokens(range(1000), 100, seed) for seed in ("a 1", "a 2"))
    assert len(one) == len(other) == 100
    assert one[:4] != other[:4]
    assert prompt_tokens(range(1000), 100, "a 1") == one


def test_the_time_left_is_that_of_the_steps_left_at_the_pace_so_far() -> None:
    forecast = Forecast()
    forecast.plan("glm", [Work(loads=1), Work(1000, 50), Work(1000, 50)])
    assert forecast.seconds() is None  # nobody knows how fast it is
    pace = forecast.pace("glm")
    pace.load, pace.prompt, pace.generation = 7.0, 500.0, 25.0
    assert forecast.seconds() == 7.0 + 2 * (2.0 + 2.0)
    forecast.done("glm")
    assert forecast.seconds() == 8.0
    forecast.over("glm")
    assert forecast.seconds() == 0.0


def test_a_model_has_all_its_shards_its_projector_and_its_draft_model() -> None:
    args = [
        "--model",
        "/m/big-00001-of-00003.gguf",
        "-ub",
        "64",
        "--mmproj",
        "/m/eyes.gguf",
        "-md",
        "d.gguf",
    ]
    assert list(files_of(args)) == [
        *(Path(f"/m/big-0000{n}-of-00003.gguf") for n in (1, 2, 3)),
        Path("/m/eyes.gguf"),
        Path("d.gguf"),
    ]


@pytest.mark.parametrize(
    ("line", "pattern", "expected"),
    [
        ("pass@1: 0.841", r"pass@1:\s*([\d.]+)", 0.841),
        ("acc 0.1, acc 0.2", r"[\d.]+", 0.2),
        ("pass@1: none", r"pass@1: (\w+)", 7.0),
        ("nothing", r"pass@1: (\d)", 7.0),
        ("pass@1: 3", "", 7.0),
    ],
)
def test_the_score_is_the_last_number_that_the_pattern_finds(
    line: str, pattern: str, expected: float
) -> None:
    assert score_in(line, pattern, 7.0) == expected


def test_a_program_gets_the_address_the_key_and_the_model() -> None:
    found = environment("http://h:1", "k", "glm")
    assert found["OPENAI_BASE_URL"] == found["OPENAI_API_BASE"] == "http://h:1/v1"
    assert (found["OPENAI_API_KEY"], found["OPENAI_MODEL"]) == ("k", "glm")
    assert environment("http://h:1", None, "glm")["OPENAI_API_KEY"]
    words = words_for(["run", "{model}", "--url={url}", "{x}"], {"model": "glm", "url": "u"})
    assert words == ["run", "glm", "--url=u", "{x}"]
