"""What is varied for which profile."""

from itertools import product

import pytest

from paddock.api.tunings import TUNABLE
from paddock.tuning.space import NAMES, Space, margins_for, space_of
from tests.tuning.spaces import gpu, host, plan, tuned


def names(space: Space) -> list[str]:
    return [knob.name for knob in space.knobs]


def labels(space: Space, name: str) -> list[str]:
    return next(knob.labels for knob in space.knobs if knob.name == name)


def test_a_profile_that_lies_on_one_gpu() -> None:
    space = space_of(tuned(), "chat")
    assert names(space) == ["margin CUDA0", "ubatch"]
    assert labels(space, "margin CUDA0") == ["1024 MiB", "256 MiB", "512 MiB", "2048 MiB"]
    assert labels(space, "ubatch")[0] == "512"
    assert space.left_out.keys() == {"placement", "split", "threads", "load-mode", "cache", "context", "speculative"}  # fmt: skip
    assert space.grid == 4 * 7


def test_without_a_gpu_only_the_processor_is_tuned() -> None:
    space = space_of(tuned(plan(host())), "chat")
    assert names(space) == ["threads", "ubatch", "load-mode"]
    assert labels(space, "threads") == ["8", "2", "4", "6", "7", "16"]


def test_experts_in_ram_are_worth_threads_and_a_load_mode() -> None:
    space = space_of(tuned(plan(experts_in_ram=6)), "chat")
    assert {"threads", "load-mode"} <= set(names(space))


def test_two_gpus_have_a_margin_each_and_one_alone_is_tried_where_it_holds_all() -> None:
    small, large = gpu("CUDA0", available=8000), gpu("CUDA1", available=23_000)
    space = space_of(tuned(plan(small, large, host())), "chat")
    assert names(space)[:3] == ["split", "margin CUDA0", "margin CUDA1"]
    assert labels(space, "split") == ["layer", "all on CUDA1", "row"]
    choices = {**space.today(), "margin CUDA1": "256 MiB", "split": "all on CUDA1"}
    assert space.changes(choices) == {
        "fit-target": "1024,256",
        "split-mode": "none",
        "main-gpu": "1",
    }
    assert space.changes(space.today()) == {}


def test_what_is_placed_by_hand_may_be_left_to_fit() -> None:
    flags = {"n-cpu-moe": ("20",), "n-gpu-layers": ("99",)}
    space = space_of(tuned(flags=flags), "chat")
    assert labels(space, "placement") == [
        "n-cpu-moe 20, n-gpu-layers 99",
        "by fit",
        "n-cpu-moe 19",
        "n-cpu-moe 18",
        "n-cpu-moe 10",
    ]
    by_fit = space.changes({**space.today(), "placement": "by fit"})
    assert by_fit == {"n-cpu-moe": None, "n-gpu-layers": None}


def test_a_larger_ubatch_has_a_batch_as_large() -> None:
    space = space_of(tuned(), "agent")
    wide = space.changes({**space.today(), "ubatch": "4096"})
    assert wide == {"ubatch-size": "4096", "batch-size": "4096"}
    assert space.changes({**space.today(), "ubatch": "256"}) == {"ubatch-size": "256"}


def test_quality_is_lost_only_where_that_is_allowed() -> None:
    assert "cache" not in names(space_of(tuned(), "chat"))
    space = space_of(tuned(), "chat", allow_loss=True)
    assert labels(space, "cache") == ["f16/f16", "q8_0/q8_0", "q4_0/q4_0"]


def test_a_longer_context_is_looked_for_from_the_longest_on() -> None:
    space = space_of(tuned(trained=131_072), "context")
    assert names(space)[0] == "context"
    assert labels(space, "context") == ["16384", "131072", "65536", "32768", "24576"]


@pytest.mark.parametrize(
    ("flag", "name"),
    [("threads", "threads"), ("ubatch-size", "ubatch"), ("fit-target", "margin CUDA0"), ("load-mode", "load-mode")],
)  # fmt: skip
def test_what_extra_args_set_stays(flag: str, name: str) -> None:
    made = plan(experts_in_ram=3)
    assert name in names(space_of(tuned(made), "chat"))
    assert name not in names(space_of(tuned(made, fixed=frozenset({flag})), "chat"))


def test_small_devices_have_margins_in_proportion() -> None:
    assert margins_for(gpu(size=200)) == [1, 3, 6, 12]
    assert margins_for(gpu(size=81_000)) == [256, 512, 1024, 2048]


def test_only_what_is_named_is_varied() -> None:
    space = space_of(tuned(plan(experts_in_ram=3)), "chat", only=["threads"])
    assert names(space) == ["threads"]


def test_every_choice_of_every_space_changes_only_what_a_trial_may_change() -> None:
    """Whatever the profile: today's choice changes nothing, no two choices are called alike."""
    flags = [{}, {"n-cpu-moe": ("4",), "tensor-split": ("3,1",)}, {"threads": ("3",), "threads-batch": ("4",)}, {"split-mode": ("row",)}, {"fit": ("off",)}]  # fmt: skip
    plans = [plan(host()), plan(), plan(gpu("CUDA0"), gpu("CUDA1"), host(), experts_in_ram=4)]
    for set_, made, cores, draft in product(flags, plans, (1, 2, 12), (False, True)):
        profile = tuned(made, flags=set_, cores=cores, trained=65_536, has_draft=draft)
        for goal in ("chat", "context"):
            for only in ((), NAMES):
                space = space_of(profile, goal, allow_loss=True, only=only)
                assert space.changes(space.today()) == {}
                for knob in space.knobs:
                    assert len(set(knob.labels)) == len(knob.labels) > 1
                    for label in knob.labels[1:]:
                        changes = space.changes({**space.today(), knob.name: label})
                        assert changes
                        assert changes.keys() <= TUNABLE
