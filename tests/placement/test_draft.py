"""What is drafted for a machine: margins and their order, contexts, and a text that reads as models.conf."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.config.claims import contradictions
from paddock.config.model_folder import LeftOut, ModelFile
from paddock.config.model_kinds import UsableModel, Use
from paddock.config.models_conf import read
from paddock.config.profile import Stable
from paddock.core.model import HOST, DeviceId
from paddock.engine.engine import Engine
from paddock.llama.gguf import Facts
from paddock.llama.gguf_read import read_facts
from paddock.placement.devices import Reading, Taker
from paddock.placement.draft import Context, DraftEntry, context_for, entries
from paddock.placement.draft_machine import Machine, machine_of
from paddock.placement.draft_text import DraftOutline, text
from paddock.placement.planner import Planner
from paddock.placement.words import spills
from tests.config.stables import flags_of_the_build, no_engine
from tests.placement.ground import beside, profile
from tests.placement.test_estimate import A
from tests.rig import needs_rig, rig

GIB = 1 << 30
TODAY = date(2026, 5, 4)
DISPLAY = Reading(DeviceId("0000:01:00.0"), "CUDA0", 16376, 15300, drives_display=True)
QUIET = Reading(DeviceId("0000:02:00.0"), "CUDA1", 24564, 24000, drives_display=False)
CALLED = {DISPLAY.id: "NVIDIA GeForce RTX 4080", QUIET.id: "NVIDIA GeForce RTX 4090"}


def host(mib: int = 64_000) -> Reading:
    return Reading(HOST, "Host", mib, mib)


def machine(*cards: Reading, ram: int = 64_000, plan: Plan | None = None, problem: str = "") -> Machine:  # fmt: skip
    readings = {reading.id: reading for reading in (*cards, host(ram))}
    return machine_of(readings, models=CALLED, plan=plan, problem=problem)


def planned(*devices: tuple[str, str], size: int = 12000) -> Plan:
    """A plan of the engine over devices of these names and ids."""
    own = [DevicePlan(device=n, id=i, available=size - 500, size=size) for n, i in devices]
    rest = DevicePlan(device="Host", id=HOST)
    return Plan(profile="m", source="engine", fits=True, engine="native", engine_version="b11434", devices=[*own, rest])  # fmt: skip


def model(facts: Facts = A, *, name: str = "m", use: Use = "chat") -> UsableModel:
    return UsableModel(ModelFile(Path(f"/models/{name}.gguf"), Path("/models")), facts, use)


def sized(gib: float, *, experts: int = 0, **rest: object) -> Facts:
    """A model of so many GiB with the shape of A, nine tenths of it in experts where there are any."""
    layer = int(gib * GIB) // 32
    own = layer // 10 if experts else layer
    parts = {"layer_bytes": (own,) * 32, "expert_bytes": (layer - own,) * 32}
    return msgspec.structs.replace(
        A, size_bytes=int(gib * GIB), experts=experts, experts_used=min(experts, 8), **parts, **rest
    )


# ---- margins ----


def test_a_quiet_gpu_has_the_small_margin_and_one_with_a_display_the_large_one():
    found = machine(DISPLAY, QUIET)
    assert found.target == "1024,256"
    assert [card.use for card in found.cards] == ["drives a display", ""]


@pytest.mark.parametrize(
    ("card", "margin"),
    [
        (replace(QUIET, takers=(Taker("blender", 200),)), "256"),
        (replace(QUIET, takers=(Taker("blender", 200), Taker("x", 100))), "1024"),
        (replace(QUIET, drives_display=None), "1024"),  # unknown
        (replace(QUIET, free_mib=24000, takers=(Taker("?", None),)), "256"),  # the driver's own
        (replace(QUIET, free_mib=20000, takers=(Taker("?", None),)), "1024"),  # in a container
    ],
)
def test_other_programs_need_room_as_well(card: Reading, margin: str):
    assert machine(card).target == margin


def test_one_value_stands_for_all_that_are_alike_and_none_for_no_gpu():
    assert machine(QUIET, replace(QUIET, id=DeviceId("0000:03:00.0"), name="CUDA2")).target == "256"
    assert machine().target == ""


def test_a_server_whose_place_paddock_takes_counts_as_gone():
    busy = replace(QUIET, free_mib=4000, takers=(Taker("llama-server", 20000), Taker("Xorg", 100)))
    (card,) = machine(busy).cards
    assert (card.reading.available_mib, card.margin) == (24000, 256)


def test_the_engines_order_goes_over_the_drivers():
    """CUDA puts the fastest first: another order than that of the PCI slots."""
    plan = planned(("CUDA0", QUIET.id), ("CUDA1", DISPLAY.id))
    found = machine(DISPLAY, QUIET, plan=plan)
    assert found.target == "256,1024"
    assert [(c.reading.name, c.reading.total_mib) for c in found.cards] == [("CUDA0", 24564), ("CUDA1", 16376)]  # fmt: skip
    assert found.engine == "native b11434"


def test_what_the_engine_does_not_use_has_no_margin_and_what_only_it_knows_has_one():
    plan = planned(("Vulkan0", "0000:09:00.0"))
    found = machine(DISPLAY, plan=plan)
    assert [(c.reading.name, c.reading.total_mib, c.reading.available_mib) for c in found.cards] == [("Vulkan0", 12000, 11500)]  # fmt: skip
    assert (found.target, found.idle) == ("1024", (CALLED[DISPLAY.id],))


def test_graphics_in_ram_are_a_gpu_only_where_there_is_no_other():
    own = replace(DISPLAY, name="Vulkan0", total_mib=0, free_mib=0, is_in_ram=True)
    assert [card.reading.name for card in machine(own, QUIET).cards] == ["CUDA1"]
    assert machine(own, QUIET, plan=planned(("CUDA1", QUIET.id))).idle == ()
    assert [card.reading.name for card in machine(own).cards] == ["Vulkan0"]


# ---- contexts ----

BOTH = machine(DISPLAY, QUIET)
ONE = machine(QUIET)


@pytest.mark.parametrize(
    ("facts", "on", "tokens", "reason"),
    [
        (sized(8, n_ctx_train=40960), BOTH, 40960, "trained"),
        (sized(8, n_ctx_train=2048), BOTH, 2048, "trained"),
        (sized(8, n_ctx_train=10000), BOTH, 8192, "trained"),  # in whole steps
        (sized(4, n_ctx_train=262144), BOTH, 131072, "enough"),
        (sized(8, n_ctx_train=None), BOTH, 8192, "trained"),
        (sized(60), BOTH, 8192, "layers"),
        (sized(60, experts=128), BOTH, 32768, "experts"),
        (sized(60, experts=128), machine(QUIET, ram=20_000), 4096, "too-large"),
        (sized(200), machine(DISPLAY), 4096, "too-large"),
        (sized(8), machine(), 8192, "ram"),
        (sized(8, n_ctx_train=2048), machine(), 2048, "whole"),
        (sized(8), machine(ram=11_000), 4096, "ram"),
        (sized(8), machine(ram=8000), 4096, "too-large"),
    ],
)
def test_the_context_is_what_the_machine_bears(facts: Facts, on: Machine, tokens: int, reason: str):
    found = context_for(model(facts), on)
    assert (found.tokens, found.reason) == (tokens, reason)


def test_what_fits_beside_the_weights_is_used_to_the_last_step_that_leaves_the_margin():
    """A has 128 KiB a token: 24,000 less 256, 600 for the driver and 18,432 of weights leave room for 32,768."""
    found = context_for(model(sized(18)), ONE)
    assert (found.reason, found.tokens % 4096) == ("memory", 0)
    assert 24_576 <= found.tokens <= 32_768
    assert found.mib == found.tokens // 8
    larger = context_for(model(sized(18)), machine(replace(QUIET, free_mib=24_000 + 512)))
    assert larger.tokens == found.tokens + 4096


def test_a_projector_takes_its_part(tmp_path: Path):
    file = tmp_path / "mmproj.gguf"
    with file.open("wb") as content:
        content.truncate(1 << 30)
    seeing = replace(model(sized(18)), projector=ModelFile(file, tmp_path))
    bare = context_for(model(sized(18)), ONE).tokens
    assert context_for(seeing, ONE).tokens == bare - 8192


def test_the_longest_can_be_chosen():
    assert context_for(model(sized(4)), BOTH, longest=16384) == Context(16384, "enough", 2048)


@pytest.mark.parametrize(
    ("trained", "tokens", "ubatch"), [(512, 512, 0), (2048, 2048, 2048), (32768, 8192, 2048)]
)
def test_embedders_get_a_ubatch_for_their_longest_input(trained: int, tokens: int, ubatch: int):
    (entry,) = entries([model(sized(1, n_ctx_train=trained), use="embeddings")], BOTH)
    assert (entry.context, entry.ubatch) == (Context(tokens, "input"), ubatch)


def test_profiles_are_sorted_by_use_and_id():
    found = entries(
        [model(name="z"), model(name="b", use="reranking"), model(name="A", use="embeddings"), model(name="Y")],
        ONE,
    )  # fmt: skip
    assert [entry.id for entry in found] == ["y", "z", "a", "b"]


@pytest.mark.parametrize(
    ("size", "display", "margin"),
    [
        (24_000, None, 1024),
        (24_000, False, 256),
        (2048, None, 512),
        (512, None, 128),
        (512, False, 128),
        (90, None, 22),
    ],
)
def test_no_margin_is_more_than_a_quarter_of_what_a_device_has(
    size: int, display: bool | None, margin: int
):
    """One of 1024 MiB on a GPU of 512 kept every model off it."""
    card = Reading(DeviceId("Vulkan0"), "Vulkan0", size, size, drives_display=display)
    on = machine(card)
    assert on.target == str(margin)


def test_a_small_model_on_a_made_up_small_device_is_not_said_to_lie_in_ram():
    engine_only = planned(("RPC0", "RPC0[far:50052]"), size=1012)
    on = machine(plan=engine_only)
    assert on.target == "192"
    assert context_for(model(sized(3 / 1024)), on).reason not in ("layers", "ram")


def test_a_made_up_gpu_in_ram_has_what_the_engine_sees_not_what_was_set_aside():
    apu = Reading(DeviceId("0000:c5:00.0"), "GPU0", 512, 460)
    seen = planned(("Vulkan0", apu.id), size=15_800)
    seen.devices[0].in_ram = True
    on = machine(apu, plan=seen)
    assert (on.target, on.cards[0].has_mib) == ("1024", 15_800)
    assert context_for(model(sized(4)), on).reason in ("trained", "enough", "memory")
    tight = machine(apu, plan=seen, ram=4000)
    assert context_for(model(sized(4)), tight).reason not in ("trained", "enough", "memory")


@needs_rig
@pytest.mark.parametrize("kind", ["dense", "moe", "jamba", "gemma3"])
def test_what_was_drafted_lies_on_the_devices_by_the_engines_own_plan(
    kind: str, shapes: Path, engine: Engine, tmp_path: Path
):
    """Models of 192 MiB on two devices that leave little room: no layer goes to RAM."""
    facts = msgspec.structs.replace(read_facts(shapes / f"{kind}.gguf"), n_ctx_train=131072)
    sizes = (528, 628)  # of which 128 each are to stay free
    with rig(tmp_path, *sizes) as devices:
        here = beside(devices, *sizes)
        near = {DeviceId(f"0000:0{i}:00.0"): r for i, r in enumerate(here.readings.values())}
        on = machine(*(replace(r, id=id_) for id_, r in near.items() if r.id != HOST))
        chosen = context_for(model(facts, name=kind), on)
        assert chosen.reason in ("memory", "enough")
        conf = f"model = {shapes}/{kind}.gguf\n{devices.flag}ctx-size = {chosen.tokens}\nfit-target = {on.target}\n"
        found = Planner().plan(profile(conf, tmp_path, engine), engine, None, here)
        assert found.source == "engine"
        assert found.fits
        assert not spills(found), found


# ---- the text ----


def draft(
    models: Sequence[UsableModel],
    on: Machine = BOTH,
    *,
    drafts: Sequence[UsableModel] = (),
    left_out: Sequence[LeftOut] = (),
) -> str:
    return text(
        DraftOutline(
            Path("/models"), TODAY, on, entries(models, on), drafts, left_out, lambda p: p.name
        )
    )


def stable(conf: str, folder: Path, flags_for=flags_of_the_build) -> Stable:
    """What the text means; it must not have the least problem but that its files are made up."""
    path = folder / "models.conf"
    path.write_text(conf)
    found, problems = read(path, models_dir=folder, flags_for=flags_for)
    assert [str(p) for p in problems if p.kind != "file" and p.code != "no-engine"] == []
    assert found is not None
    return found


def comments(conf: str) -> str:
    """All of them, in one line."""
    return " ".join(line[1:].strip() for line in conf.splitlines() if line.startswith("#"))


EVERYTHING = [
    model(sized(8, name="Llama 3 8B"), name="Llama-3-8B-Q8_0"),
    model(sized(60, experts=128), name="mixture"),
    model(sized(60), name="too-long"),
    model(sized(200), name="far-too-long"),
    model(msgspec.structs.replace(A, recurrent=(True, False) * 16), name="hybrid"),
    model(msgspec.structs.replace(A, window=512, windowed=(True,) * 32), name="window"),
    model(sized(1), name="embed", use="embeddings"),
    model(sized(1, template=("tools", "system")), name="rerank", use="reranking"),
]


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (machine(QUIET), ""),
        (machine(QUIET, problem="no llama-server was found (`paddock engine build`)"), "engine build"),
        (machine(problem="no llama-server was found"), "no engine could be asked"),
        (machine(QUIET, plan=Plan(profile="d", source="engine", fits=True, engine="native")), "sees no GPU"),
        (machine(plan=Plan(profile="d", source="engine", fits=True, engine="native")), ""),
    ],
)  # fmt: skip
def test_a_machine_says_why_its_gpus_would_not_be_used_and_what_mends_it(on: Machine, words: str):
    assert (words in on.trouble) if words else on.trouble == ""
    assert "sees no GPU" not in on.trouble or "`paddock engine build`" in on.trouble


@pytest.mark.parametrize("on", [BOTH, ONE, machine(), machine(ram=2000)])
@pytest.mark.parametrize("flags_for", [flags_of_the_build, no_engine])
def test_it_reads_as_models_conf_without_a_problem(on: Machine, flags_for, tmp_path: Path):
    found = stable(draft(EVERYTHING, on), tmp_path, flags_for)
    assert len(found.profiles) == len(EVERYTHING)
    tokens = {id_: one.ctx_size for id_, one in found.profiles.items()}
    assert tokens == {entry.id: entry.context.tokens for entry in entries(EVERYTHING, on)}
    targets = {p.flag("--fit-target") is not None for p in found.profiles.values()}
    assert targets == {bool(on.cards)}


def test_its_own_comments_never_contradict_the_files(tmp_path: Path):
    found = stable(draft(EVERYTHING), tmp_path)
    known = {entry.id: entry.model.facts for entry in entries(EVERYTHING, BOTH)}
    for id_, one in found.profiles.items():
        assert contradictions(known[id_], one.comments) == ()
        assert one.comments[0].startswith("# Facts of the file, 2026-05-04")


def test_uses_become_flags(tmp_path: Path):
    found = stable(draft(EVERYTHING), tmp_path).profiles
    assert found["embed"].argv[-3:] == ("--embeddings", "--ubatch-size", "2048")
    assert "--reranking" in found["rerank"].argv
    assert "--embeddings" not in found["mixture"].argv


def test_margins_say_whose_they_are_and_in_whose_order():
    asked = machine(DISPLAY, QUIET, plan=planned(("CUDA0", QUIET.id), ("CUDA1", DISPLAY.id)))
    conf = draft(EVERYTHING, asked)
    assert "\nFIT_TARGET = 256,1024\n" in conf
    first, second = (line for line in conf.splitlines() if line.startswith("#   CUDA"))
    assert first == "#   CUDA0  NVIDIA GeForce RTX 4090, 24.0 GiB: only computes"
    assert second == "#   CUDA1  NVIDIA GeForce RTX 4080, 16.0 GiB: drives a display"
    assert "the engine (native b11434), which was asked on 2026-05-04" in comments(conf)
    assert "check with `paddock plan`" in comments(conf)


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("CUDA", "Other settings of CUDA_DEVICE_ORDER or CUDA_VISIBLE_DEVICES change it"),
        ("Vulkan", "Other settings of GGML_VK_VISIBLE_DEVICES change it"),
        ("SYCL", "Other settings of ONEAPI_DEVICE_SELECTOR change it"),
        ("CANN", "which was asked on 2026-05-04."),
    ],
)
def test_what_changes_the_order_is_what_the_engine_s_backend_reads(backend: str, said: str):
    ids = (f"{backend}0", QUIET.id), (f"{backend}1", DISPLAY.id)
    words = comments(draft(EVERYTHING, machine(DISPLAY, QUIET, plan=planned(*ids))))
    assert said in words
    assert ("CUDA_" in words) == (backend == "CUDA")


def test_without_an_engine_it_says_that_the_order_is_a_guess():
    conf = draft(EVERYTHING, machine(DISPLAY, QUIET, problem="no llama-server was found"))
    assert "\nFIT_TARGET = 1024,256\n" in conf
    words = comments(conf)
    assert "order of the drivers, for no engine could be asked: no llama-server was found" in words
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID: check with `paddock plan`" in words


def test_where_one_value_does_for_all_no_order_is_spoken_of():
    conf = draft(EVERYTHING, ONE)
    assert "\nFIT_TARGET = 256\n" in conf
    assert "order" not in conf.partition("[llama")[0].partition("[*]")[2]


def test_a_gpu_that_the_engine_does_not_see_is_spoken_of():
    conf = draft(EVERYTHING, machine(DISPLAY, plan=planned()))
    assert "FIT_TARGET" not in conf
    assert f"sees no GPU, although there is {CALLED[DISPLAY.id]}: `paddock doctor`" in comments(
        conf
    )
    other = draft(EVERYTHING, machine(DISPLAY, QUIET, plan=planned(("CUDA0", QUIET.id))))
    assert f"does not use {CALLED[DISPLAY.id]}" in comments(other)
    assert "\nFIT_TARGET = 256\n" in other


def test_an_old_engine_without_fit_is_given_no_margins(tmp_path: Path):
    old = replace(BOTH, fits=False)
    conf = draft(EVERYTHING, old)
    assert "FIT_TARGET" not in conf
    assert "The engine has no --fit" in comments(conf)
    stable(conf, tmp_path)


def test_whoever_made_a_file_writes_no_lines_of_ours(tmp_path: Path):
    evil = sized(1, name="x\n[evil]\nMODEL = y\x1b[31m" + "z" * 200, architecture="a\nb")
    conf = draft([model(evil)])
    assert list(stable(conf, tmp_path).profiles) == ["m"]
    assert conf.replace("\n", "").isprintable()
    assert max(map(len, conf.splitlines())) <= 110


def test_drafts_and_what_was_left_out_stand_at_the_end_and_in_no_section(tmp_path: Path):
    left_out = [
        LeftOut(Path("/models/a/broken.gguf"), "is truncated or damaged (download it again)")
    ]
    ahead = model(msgspec.structs.replace(A, nextn_layers=1), name="mtp-m")
    conf = draft([model()], drafts=[ahead, model(name="draft-m")], left_out=left_out)
    assert conf.endswith(
        "\n\n# Draft models make another model faster: write the lines into that one's section.\n"
        "#   model-draft = mtp-m.gguf\n"
        "#   model-draft = draft-m.gguf\n"
        "#   spec-type = draft-simple\n"
        "\n# Left out:\n#   a/broken.gguf: is truncated or damaged (download it again)\n"
    )
    (only,) = stable(conf, tmp_path).profiles.values()
    assert not any("broken" in comment or "mtp-m" in comment for comment in only.comments)


def test_a_model_with_a_projector_names_both_files(tmp_path: Path):
    seeing = replace(model(), projector=ModelFile(Path("/models/mmproj-m.gguf"), Path("/models")))
    (only,) = stable(draft([seeing]), tmp_path).profiles.values()
    assert (only.model, only.mmproj) == (tmp_path / "m.gguf", tmp_path / "mmproj-m.gguf")


def test_every_reason_has_its_words():
    for entry in entries(EVERYTHING, BOTH) + entries(EVERYTHING, machine()):
        assert isinstance(entry, DraftEntry)
        assert entry.context.tokens > 0
    shown = draft(EVERYTHING, BOTH)
    assert "{" not in shown
    assert "experts of some layers will lie in RAM" in comments(shown)
    assert "Its recurrent state cannot forget" in comments(shown)
