"""Which layers keep what: as the file says, as llama.cpp's sources say, and as llama-server does."""

import re
from pathlib import Path
from typing import Any

import pytest

from paddock.llama.gguf import Facts
from paddock.llama.gguf_read import read_facts
from paddock.llama.scripted import Arch, ScriptedModel, write
from tests.engine.server import ENGINES, engine_command, ready
from tests.llama.headers import facts_of

EIGHT = {"block_count": 8, "attention__head_count": 4, "embedding_length": 64}
SSM = {"ssm__conv_kernel": 4, "ssm__inner_size": 128, "ssm__state_size": 16}
WINDOW = {"attention__sliding_window": 512}


def pattern(flags: tuple[bool, ...] | None) -> str:
    return "?" if flags is None else "".join("x" if flag else "." for flag in flags)


# ---- what llama-server really allocates ----


def log_of(kind: str, folder: Path, model: Path) -> str:
    flags = ("--ctx-size", "2048", "--parallel", "1", "--threads", "1", "--no-warmup", "-lv", "5")
    with ready(engine_command(kind), folder, "--model", str(model), *flags) as server:
        return server.err.read_text() + server.out.read_text()


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("arch", ["mamba", "jamba"])
def test_the_state_is_as_large_as_llama_server_makes_it(tmp_path: Path, kind: str, arch: Arch):
    script = ScriptedModel(say="Hi.", arch=arch, embd=1024, layers=8)
    facts = read_facts(write(tmp_path / "m.gguf", script))
    made = re.findall(
        r"RS buffer size = +([\d.]+) MiB", log_of(kind, tmp_path, tmp_path / "m.gguf")
    )
    assert made[-1] == f"{facts.state_bytes / (1 << 20):.2f}"
    assert facts.recurrent_layers == (8 if arch == "mamba" else 4)


@pytest.mark.parametrize("kind", ENGINES)
def test_as_many_layers_slide_as_llama_server_says(tmp_path: Path, kind: str):
    script = ScriptedModel(say="Hi.", arch="gemma3", layers=14, window=256)
    facts = read_facts(write(tmp_path / "m.gguf", script))
    log = log_of(kind, tmp_path, tmp_path / "m.gguf")
    full, sliding = re.findall(r"\( *\d+ cells, +(\d+) layers", log)[-2:]
    assert (facts.kv_layers - facts.windowed_layers, facts.windowed_layers) == (2, 12)
    assert (full, sliding) == ("2", "12")
    assert f"n_swa                 = {facts.window}" in log


# ---- recurrent layers ----


def test_an_architecture_of_nothing_but_states_keeps_no_keys(tmp_path: Path):
    rwkv = {"wkv__head_size": 16, "embedding_length": 64, "attention__head_count": 0}
    facts = facts_of(tmp_path, "rwkv7", block_count=3, **rwkv)
    assert (pattern(facts.recurrent), facts.kv_layers) == ("xxx", 0)
    assert facts.state_bytes == 4 * 3 * 64 * (2 + 16)


def test_falcon_h1_has_both_in_every_layer(tmp_path: Path):
    facts = facts_of(tmp_path, "falcon-h1", **EIGHT, **SSM, ssm__group_count=1)
    assert (facts.recurrent_layers, facts.kv_layers) == (8, 8)
    assert facts.state_bytes == 4 * 8 * (3 * (128 + 2 * 16) + 16 * 128)


@pytest.mark.parametrize(
    ("keys", "layers"),
    [
        ({}, "xxx.xxx."),  # every fourth, where the file is silent
        ({"full_attention_interval": 2}, "x.x.x.x."),
        ({"attention__recurrent_layers": [True] * 6 + [False] * 2}, "xxxxxx.."),
        ({"nextn_predict_layers": 1}, "xxx.xxx."),
    ],
)
def test_qwen35_says_which_in_three_ways(tmp_path: Path, keys: dict[str, Any], layers: str):
    facts = facts_of(tmp_path, "qwen35", **EIGHT, **SSM, **keys)
    assert pattern(facts.recurrent) == layers
    assert facts.kv_layers == layers.count(".") - facts.nextn_layers


def test_of_nemotron_h_some_layers_keep_nothing_at_all(tmp_path: Path):
    keys = EIGHT | SSM | {"attention__head_count_kv": [0, 0, 2, 0, 0, 0, 2, 0]}
    wide = [0, 99, 0, 99, 0, 99, 0, 99]
    facts = facts_of(tmp_path, "nemotron_h", **keys, feed_forward_length=wide)
    assert (pattern(facts.recurrent), facts.kv_layers) == ("x...x...", 2)


def test_layers_without_heads_and_without_a_state_are_just_that(tmp_path: Path):
    facts = facts_of(tmp_path, "deci", **EIGHT, attention__head_count_kv=[2, 0, 2, 2, 0, 2, 2, 2])
    assert (facts.recurrent_layers, facts.kv_layers, facts.state_bytes) == (0, 6, 0)


def test_other_kinds_of_state_have_other_sizes(tmp_path: Path):
    heads = {"attention__head_count_kv": [0, 2] * 4}
    lfm2 = facts_of(tmp_path, "lfm2", **EIGHT, **heads, shortconv__l_cache=3)
    assert lfm2.state_bytes == 4 * 4 * 64 * 2
    kimi = facts_of(tmp_path, "kimi-linear", **EIGHT, **heads, kda__head_dim=16, ssm__conv_kernel=4)
    assert kimi.state_bytes == 4 * 4 * (3 * 3 * 4 * 16 + 16 * 16 * 4)
    minimax = facts_of(tmp_path, "minimax-01", **EIGHT, attention__key_length=16)
    assert minimax.state_bytes == 4 * 7 * 16 * 16 * 4


# ---- keys and values ----


def test_layers_that_use_the_keys_of_others_keep_none(tmp_path: Path):
    assert facts_of(tmp_path, "gemma4", **EIGHT, attention__shared_kv_layers=5).kv_layers == 3
    thirty = EIGHT | {"block_count": 30} | WINDOW
    assert facts_of(tmp_path, "gemma3n", **thirty).kv_layers == 20


def test_layers_for_further_tokens_keep_none_unless_there_are_no_others(tmp_path: Path):
    facts = facts_of(tmp_path, "glm4moe", **EIGHT, nextn_predict_layers=1)
    assert (facts.n_layers, facts.nextn_layers, facts.kv_layers) == (8, 1, 7)
    assert facts_of(tmp_path, "glm4moe", **EIGHT, nextn_predict_layers=8).kv_layers == 8


def test_an_encoder_keeps_nothing(tmp_path: Path):
    assert facts_of(tmp_path, "bert", **EIGHT).kv_layers == 0


# ---- sliding windows ----


@pytest.mark.parametrize(
    ("arch", "keys", "window", "layers"),
    [
        ("gemma3", WINDOW, 512, "xxxxx.xx"),
        ("gemma3", {}, None, "........"),
        ("gemma2", {}, 4096, "x.x.x.x."),
        ("gpt-oss", WINDOW, 512, "x.x.x.x."),
        ("cohere2moe", WINDOW, 512, ".xxx.xxx"),
        ("llama4", {}, 8192, "xxx.xxx."),
        ("llama4", {"attention__sliding_window": 0}, None, "........"),
        ("smallthinker", WINDOW, 4096, ".xxx.xxx"),
        ("exaone4", WINDOW, None, "........"),  # slides with 64 layers only
        ("phi3", WINDOW, None, "........"),  # switched off
        ("gemma3", WINDOW | {"nextn_predict_layers": 2}, 512, "xxxxx..."),
        ("gemma3", WINDOW | {"attention__sliding_window_pattern": 2}, 512, "x.x.x.x."),
        ("deepseek4", WINDOW, 512, "xxxxxxxx"),
        ("of-the-future", WINDOW, 512, "?"),
        (
            "of-the-future",
            WINDOW | {"attention__sliding_window_pattern": [True, False] * 4},
            512,
            "x.x.x.x.",
        ),
    ],
)
def test_which_layers_slide(
    tmp_path: Path, arch: str, keys: dict[str, Any], window: int | None, layers: str
):
    facts = facts_of(tmp_path, arch, **EIGHT, **keys)
    assert (facts.window, pattern(facts.windowed)) == (window, layers)


def test_of_lfm2_every_layer_with_attention_slides(tmp_path: Path):
    heads = {"attention__head_count_kv": [0, 2] * 4, "shortconv__l_cache": 3}
    facts = facts_of(tmp_path, "lfm2", **EIGHT, **heads, **WINDOW)
    assert (pattern(facts.windowed), facts.windowed_layers) == (".x.x.x.x", 4)


def test_a_shared_layer_that_slides_keeps_no_window_of_its_own(tmp_path: Path):
    slides = {"attention__sliding_window_pattern": [True] * 7 + [False]}
    facts = facts_of(tmp_path, "gemma4", **EIGHT, **WINDOW, **slides, attention__shared_kv_layers=4)
    assert (facts.kv_layers, facts.windowed_layers) == (4, 4)


def test_a_layer_may_have_another_width_within_its_window(tmp_path: Path):
    widths = {"attention__key_length": 512, "attention__key_length_swa": 256}
    facts: Facts = facts_of(tmp_path, "gemma4", **EIGHT, **widths)
    assert (facts.key_length, facts.key_length_swa, facts.value_length_swa) == (512, 256, None)
