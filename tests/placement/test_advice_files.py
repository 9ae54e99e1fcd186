"""What flags and the headers of files tell: real files, and what llama-server really refuses."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.config.models_conf import load
from paddock.llama.flags import parse_help
from paddock.llama.scripted import ScriptedModel, write_split
from paddock.placement.advice import advise
from paddock.placement.examination import read_files
from paddock.placement.profile_facts import ProfileFacts
from tests.config.stables import flags_of_the_build
from tests.llama.headers import header
from tests.placement.clinic import Clinic, codes, found
from tests.yard import engine_command


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def refusal(model: Path, *args: str) -> str:
    """What the tests' llama-server says when it ends by itself."""
    socket = ["--host", str(model.with_name("s.sock"))]
    command = [*engine_command(), "-m", str(model), "-c", "512", "-np", "1", *socket, *args]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    return ended.stderr


def test_a_good_file_and_usual_flags_are_no_reason_for_advice(clinic: Clinic):
    assert codes(clinic.facts("CTX_SIZE = 4096\nKV_CACHE_TYPE_V = q8_0")) == []


# ---- files ----


def test_a_file_that_is_no_gguf_and_one_that_is_cut_off(clinic: Clinic):
    model = clinic.folder / "models" / "m.gguf"
    whole = model.read_bytes()
    for content, said in ((b"hello", "is not a GGUF file"), (whole[:50_000], "is truncated")):
        model.write_bytes(content)
        advice = found(clinic.facts(), "unreadable-file")
        assert (advice.severity, advice.profile, advice.line) == ("error", "p", 4)
        assert advice.message.startswith(f"MODEL: {model} {said}")
        assert advice.hint == "download it again"


def test_a_file_that_is_too_new_for_our_reader_may_be_sound(clinic: Clinic):
    model = clinic.folder / "models" / "m.gguf"
    model.write_bytes(b"GGUF" + (9).to_bytes(4, "little") + model.read_bytes()[8:])
    advice = found(clinic.facts(), "unreadable-file")
    assert (advice.severity, advice.hint) == ("info", "whether it loads is for llama-server to say")


def test_a_missing_file_or_shard_is_reported_where_models_conf_is_read_and_not_twice(
    clinic: Clinic,
):
    shards = write_split(clinic.folder / "models" / "s", ScriptedModel(say="Hi."), shards=2)
    shards[1].unlink()
    assert codes(clinic.facts(f"MMPROJ = none.gguf\nmodel-draft = {shards[0].name}")) == []


def test_a_projector_given_as_the_model_and_a_model_given_as_the_projector(clinic: Clinic):
    header(clinic.folder / "models" / "mm.gguf", "clip", {"general.type": "mmproj"})
    assert codes(clinic.facts("MMPROJ = mm.gguf")) == []
    advice = found(clinic.facts("MMPROJ = m.gguf"), "wrong-kind-of-file")
    assert (advice.severity, advice.line) == ("error", 5)
    assert "is of the kind 'model', not a projector" in advice.message
    (clinic.folder / "models" / "mm.gguf").rename(clinic.folder / "models" / "m.gguf")
    advice = found(clinic.facts(), "wrong-kind-of-file")
    assert "is of the kind 'projector', not a model" in advice.message
    assert advice.hint == "write it as MMPROJ, and the model itself as MODEL"


def test_an_adapter_is_no_draft_model(clinic: Clinic):
    header(clinic.folder / "models" / "a.gguf", "llama", {"general.type": "adapter"})
    advice = found(clinic.facts("model-draft = a.gguf"), "wrong-kind-of-file")
    assert "'adapter', not a model" in advice.message


# ---- drafts ----


def test_multi_token_prediction_wants_layers_for_it(clinic: Clinic):
    code = "speculation-without-layers"
    model = clinic.folder / "models" / "m.gguf"
    clinic.model(ScriptedModel(say="Hi."), "d")
    for keys, which in (
        ("spec-type = draft-mtp", "the model has"),
        ("spec-type = ngram-mod,draft-mtp", "the model has"),
        ("spec-type = draft-mtp\nmodel-draft = d.gguf", "the draft model has"),
    ):
        advice = found(clinic.facts(keys), code)
        assert (advice.severity, advice.line) == ("error", 5)
        assert which in advice.message
    assert "doesn't contain MTP layers" in refusal(model, "--spec-type", "draft-mtp")
    header(clinic.folder / "models" / "d.gguf", "gemma4_assistant", {"block_count": 1})
    assert codes(clinic.facts("spec-type = draft-mtp\nmodel-draft = d.gguf")) == []
    assert codes(clinic.facts("spec-type = ngram-mod")) == []


def test_a_draft_model_drafts_only_where_it_is_said_how(clinic: Clinic):
    draft = clinic.folder / "models" / "d.gguf"
    clinic.model(ScriptedModel(say="Hi."), "d")
    advice = found(clinic.facts("model-draft = d.gguf"), "draft-without-type")
    assert (advice.severity, advice.line) == ("warning", 5)
    assert advice.hint == "write spec-type = draft-simple"
    for keys in ("spec-type = draft-simple\n", "spec-type = none\n"):
        assert codes(clinic.facts(keys + "model-draft = d.gguf")) == []
    header(draft, "gemma4-assistant", {"block_count": 1})
    assert codes(clinic.facts("model-draft = d.gguf")) == []
    header(draft, "glm4moe", {"block_count": 3, "nextn_predict_layers": 1})
    assert codes(clinic.facts("model-draft = d.gguf")) == []


def test_where_the_layers_are_the_header_is_believed(clinic: Clinic):
    keys = {"block_count": 3, "nextn_predict_layers": 1, "attention.head_count": 4}
    header(clinic.folder / "models" / "n.gguf", "glm4moe", keys)
    (clinic.folder / "models" / "n.gguf").rename(clinic.folder / "models" / "m.gguf")
    assert codes(clinic.facts("spec-type = draft-mtp")) == []


# ---- the KV cache ----


@pytest.mark.parametrize("cache", ["q8_0", "q4_0", "iq4_nl"])
def test_a_quantised_v_cache_without_flash_attention(clinic: Clinic, cache: str):
    advice = found(
        clinic.facts(f"FLASH_ATTN = 0\nKV_CACHE_TYPE_V = {cache}"),
        "v-cache-without-flash-attention",
    )
    assert (advice.severity, advice.line) == ("error", 6)
    assert advice.hint == "write FLASH_ATTN = auto, or KV_CACHE_TYPE_V = f16"
    said = refusal(clinic.folder / "models" / "m.gguf", "-fa", "off", "-ctv", cache)
    assert "quantized V cache requires flash_attn to be enabled" in said


@pytest.mark.parametrize("keys", ["FLASH_ATTN = off\nKV_CACHE_TYPE_V = bf16", "KV_CACHE_TYPE_V = q4_0"])  # fmt: skip
def test_other_caches_do_without_it_and_auto_switches_it_on(clinic: Clinic, keys: str):
    assert codes(clinic.facts(keys)) == []


def test_grok_has_no_flash_attention_at_all(clinic: Clinic):
    header(clinic.folder / "models" / "m.gguf", "grok", {"block_count": 2})
    advice = found(clinic.facts("ctv = q8_0"), "v-cache-without-flash-attention")
    assert "which grok cannot have" in advice.message


def test_blocks_of_a_cache_type_must_divide_a_head(clinic: Clinic):
    model = clinic.model(ScriptedModel(say="Hi.", embd=192))  # heads of 48
    both = "KV_CACHE_TYPE_K = q8_0\nKV_CACHE_TYPE_V = q8_0"
    advice = [a for a in advise(clinic.facts(both)) if a.code == "cache-type-refused"]
    assert [(a.severity, a.line, a.hint) for a in advice] == [
        ("error", 5, "write KV_CACHE_TYPE_K = f16"),
        ("error", 6, "write KV_CACHE_TYPE_V = f16"),
    ]
    assert "q8_0 has blocks of 32, which do not divide a head of 48" in advice[0].message
    said = refusal(model, "-ctk", "q8_0")
    assert "block size 32 does not divide n_embd_head_k=48" in said
    assert codes(clinic.facts("FLASH_ATTN = off\nKV_CACHE_TYPE_K = q8_0")) == []


def test_latent_attention_wants_one_type_for_keys_and_values(clinic: Clinic):
    keys = {"block_count": 2, "attention.head_count": 4, "attention.head_count_kv": 1}
    keys |= {"attention.key_length": 576, "attention.key_length_mla": 192}
    header(clinic.folder / "models" / "m.gguf", "deepseek2", keys)
    advice = found(clinic.facts("KV_CACHE_TYPE_K = q8_0"), "cache-type-refused")
    assert "deepseek2 keeps keys and values as one: q8_0 and f16 differ" in advice.message
    assert codes(clinic.facts("KV_CACHE_TYPE_K = q8_0\nKV_CACHE_TYPE_V = q8_0")) == []


# ---- context shift ----


def test_context_shift_on_a_hybrid_and_on_a_recurrent_model(clinic: Clinic):
    for arch, layers in (("jamba", 2), ("mamba", 4)):
        clinic.model(ScriptedModel(say="Hi.", arch=arch))  # type: ignore[arg-type]
        advice = found(clinic.facts("context-shift = on"), "context-shift-recurrent")
        assert (advice.severity, advice.line) == ("warning", 5)
        assert f"{layers} of 4 layers keep a recurrent state" in advice.message
        assert advice.hint == "write context-shift = off"


def test_without_a_state_or_without_a_shift_there_is_nothing_to_say(clinic: Clinic):
    assert codes(clinic.facts("context-shift = on")) == []
    clinic.model(ScriptedModel(say="Hi.", arch="jamba"))
    assert codes(clinic.facts()) == []
    assert codes(clinic.facts("EXTRA_ARGS = --no-context-shift")) == []


@pytest.mark.parametrize(
    ("line", "shifts"),
    [
        ("--no-context-shift  disables context shift (default: disabled)", True),
        ("--context-shift, --no-context-shift  whether to shift (default: enabled)", True),
        ("--context-shift, --no-context-shift  whether to shift (default: disabled)", False),
    ],
)
def test_builds_that_shift_by_default(clinic: Clinic, line: str, shifts: bool):
    clinic.model(ScriptedModel(say="Hi.", arch="jamba"))
    facts = replace(clinic.facts(), flags=parse_help(f"-m, --model FNAME  path\n{line}\n"))
    assert codes(facts) == ["context-shift-recurrent"] * shifts


# ---- batches ----


def test_a_large_physical_batch_and_what_its_logits_take(clinic: Clinic):
    clinic.model(ScriptedModel(say="Hi.", vocab=100_000))
    advice = found(clinic.facts("EXTRA_ARGS = -b 4096 -ub 4096"), "large-ubatch")
    assert (advice.severity, advice.line) == ("info", 5)
    assert "-b and -ub are both 4096" in advice.message
    assert "about 1.3 GiB more than with -ub 512" in advice.message  # 100,000 x 3,584 x 4 bytes


@pytest.mark.parametrize("keys", ["b = 4096", "ub = 1024", "b = 512\nub = 512", "b = 256\nub = 256"])  # fmt: skip
def test_batches_that_differ_or_are_small_are_nobodys_mistake(clinic: Clinic, keys: str):
    assert codes(clinic.facts(keys)) == []


@pytest.mark.parametrize("key", ["embeddings = true", "reranking = true"])
def test_who_reads_each_input_in_one_batch_needs_a_large_one(clinic: Clinic, key: str):
    assert codes(clinic.facts(f"{key}\nub = 4096\nb = 4096")) == []


def test_the_usual_batch_counts_where_only_ub_is_set(clinic: Clinic):
    assert codes(clinic.facts("ub = 2048")) == ["large-ubatch"]


def test_two_plans_tell_what_a_large_batch_takes_of_each_device_on_made_up_plans(clinic: Clinic):
    facts = replace(clinic.facts("ub = 2048"), plan=_plan(1404, 400), small_batch=_plan(298, 400))
    assert "take 1.1 GiB of CUDA0 more" in found(facts, "large-ubatch").message


def _plan(*compute: int) -> Plan:
    devices = [DevicePlan(device=f"CUDA{i}", compute=mib) for i, mib in enumerate(compute)]
    return Plan(profile="p", source="engine", fits=True, devices=devices)


def test_it_matters_more_where_memory_is_short_on_made_up_plans(clinic: Clinic):
    plan = Plan(profile="p", source="estimate", fits=True, steps=["context cut"])
    assert found(replace(clinic.facts("ub = 2048"), plan=plan), "large-ubatch").severity == (
        "warning"
    )


def test_a_model_that_llama_server_fetches_is_not_looked_into(clinic: Clinic):
    conf = clinic.folder / "models.conf"
    conf.write_text("[p]\nhf-repo = u/m\nub = 2048\n")
    profile = load(conf, flags_for=flags_of_the_build).profiles["p"]
    assert read_files(profile, cache_dir=clinic.folder) == {}
    assert advise(ProfileFacts(profile=profile)) == []
