"""Rules that need a profile's flags and the headers of its files, nothing of the machine. Pure.

What llama.cpp refuses is read from `llama_init_from_model` in src/llama-context.cpp, build 11434.
"""

from collections.abc import Iterator

from paddock.api.placement import Plan
from paddock.config.model_kinds import EMBEDDERS, needs_spec_type
from paddock.llama.gguf import Facts, Fault, GgufError
from paddock.placement.estimate import logits_mib
from paddock.placement.profile_facts import Finding, ProfileFacts, Severity, number, value
from paddock.placement.words import gib, on_gpus, spills

BATCH, UBATCH = 2048, 512  # tokens: llama-server's defaults
# Values in a block of a quantised cache type (ggml's GGML_QUANT_SIZES); the others have no blocks.
_BLOCK = dict.fromkeys(("q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"), 32)
_SEVERITIES: dict[Fault, Severity] = {"odd": "warning", "foreign": "info"}  # errors otherwise
_WANTED = {"--model": "model", "--model-draft": "model", "--mmproj": "projector"}
_BELONGS = {
    "projector": "write it as MMPROJ, and the model itself as MODEL",
    "adapter": "give it as lora, and the model itself as MODEL",
    "imatrix": "it is for quantising, llama-server has no use for it",
    "model": "write it as MODEL; a projector's file is often called mmproj-….gguf",
}


def unreadable_file(facts: ProfileFacts) -> Iterator[Finding]:
    """A file that is no complete GGUF; what only our own parser cannot read may still load."""
    for name, error in facts.files.items():
        if isinstance(error, GgufError) and (flag := facts.profile.flag(name)):
            severity = _SEVERITIES.get(error.kind, "error")
            yield Finding(severity, f"{flag.origin.key}: {error.message}", error.hint, flag)


def cannot_load(facts: ProfileFacts) -> Iterator[Finding]:
    """Files that the engine itself refused to load: see `placement.rehearsal`."""
    if words := facts.refusal or (facts.plan.refusal if facts.plan else ""):
        hint = "nothing is unloaded for it; `paddock switch --force` tries all the same"
        yield Finding("error", words, hint, facts.profile.flag("--model"))


def wrong_kind_of_file(facts: ProfileFacts) -> Iterator[Finding]:
    """A projector where a model should be, or the other way round."""
    for name, gguf in facts.files.items():
        flag = facts.profile.flag(name)
        if flag is None or not isinstance(gguf, Facts) or gguf.kind == _WANTED[name]:
            continue
        kind = gguf.kind if gguf.kind.isprintable() else "unknown"
        message = (
            f"{flag.origin.key}: {flag.values[0]} is of the kind {kind!r}, not a {_WANTED[name]}"
        )
        yield Finding("error", message, _BELONGS.get(gguf.kind, ""), flag)


def speculation_without_layers(facts: ProfileFacts) -> Iterator[Finding]:
    """llama.cpp says `context type MTP requested but model doesn't contain MTP layers`, and ends."""
    asked = facts.profile.flag("--spec-type")
    if asked is None or "draft-mtp" not in asked.values[0].split(","):
        return
    draft = facts.profile.flag("--model-draft")
    gguf = facts.files.get("--model-draft") if draft else facts.gguf
    if not isinstance(gguf, Facts) or _drafts_only(gguf, facts):
        return
    if not gguf.nextn_layers:
        which = "the draft model" if draft else "the model"
        message = f"draft-mtp is set, but {which} has no layers for multi-token prediction"
        yield Finding("error", message, "leave draft-mtp out, or take a file that has them", asked)


def draft_without_type(facts: ProfileFacts) -> Iterator[Finding]:
    """llama-server loads such a draft model, gives it its memory, and drafts nothing (build 11434)."""
    draft, gguf = facts.profile.flag("--model-draft"), facts.files.get("--model-draft")
    if draft is None or not isinstance(gguf, Facts) or gguf.kind != "model":
        return
    knows = facts.flags is not None and facts.flags.find("spec-type")  # older builds drafted so
    if knows and not facts.profile.flag("--spec-type") and needs_spec_type(gguf):
        message = (
            f"{draft.origin.key}: the draft model is loaded and drafts nothing without a spec-type"
        )
        yield Finding("warning", message, "write spec-type = draft-simple", draft)


def _drafts_only(gguf: Facts, facts: ProfileFacts) -> bool:
    """Whether it is a drafter of another architecture (Gemma's assistants), which the engine judges."""
    return facts.gguf is None or gguf.architecture != facts.gguf.architecture


# ---- the KV cache ----


def v_cache_without_flash_attention(facts: ProfileFacts) -> Iterator[Finding]:
    """llama.cpp says `quantized V cache requires flash_attn to be enabled`, and ends."""
    profile = facts.profile
    cache = profile.flag("--cache-type-v")
    if cache is None or cache.values[0] not in _BLOCK:
        return
    attention = profile.flag("--flash-attn")
    if attention and attention.values == ("off",):
        message = f"a V cache of {cache.values[0]} needs flash attention, which is off"
        yield Finding("error", message, "write FLASH_ATTN = auto, or KV_CACHE_TYPE_V = f16", cache)
    elif facts.gguf and facts.gguf.architecture == "grok":
        message = f"a V cache of {cache.values[0]} needs flash attention, which grok cannot have"
        yield Finding("error", message, "write KV_CACHE_TYPE_V = f16", cache)


def cache_type_refused(facts: ProfileFacts) -> Iterator[Finding]:
    """Types that this model's heads rule out; a type that the build lacks is an error of the parser."""
    gguf, profile = facts.gguf, facts.profile
    if gguf is None:
        return
    type_k, type_v = (value(profile, f"--cache-type-{which}", "f16") for which in "kv")
    at = profile.flag("--cache-type-k") or profile.flag("--cache-type-v")
    if _is_latent(gguf) and type_k != type_v:
        message = f"{gguf.architecture} keeps keys and values as one: {type_k} and {type_v} differ"
        hint = f"write KV_CACHE_TYPE_K and KV_CACHE_TYPE_V = {type_k}"
        yield Finding("error", message, hint, at)
    if value(profile, "--flash-attn", "auto") != "off":
        lengths_k = (gguf.key_length, gguf.key_length_swa)
        lengths_v = (gguf.value_length, gguf.value_length_swa)
        yield from _undivided(facts, "K", type_k, lengths_k)
        yield from _undivided(facts, "V", type_v, lengths_v)


def _is_latent(gguf: Facts) -> bool:
    return gguf.value_length == 0


def _undivided(
    facts: ProfileFacts, which: str, cache_type: str, lengths: tuple[int | None, ...]
) -> Iterator[Finding]:
    """A head's length must be a multiple of the type's blocks."""
    block = _BLOCK.get(cache_type)
    odd = next((n for n in lengths if n and block and n % block), None)
    if odd is not None:
        flag = facts.profile.flag(f"--cache-type-{which.lower()}")
        message = f"{which} cache: {cache_type} has blocks of {block}, which do not divide a head of {odd}"
        yield Finding("error", message, f"write KV_CACHE_TYPE_{which} = f16", flag)


def context_shift_recurrent(facts: ProfileFacts) -> Iterator[Finding]:
    """A shift takes tokens out of attention's cache; a recurrent state still holds them.

    llama_memory_recurrent::seq_rm does nothing where the end stays, and says that it can shift.
    """
    gguf = facts.gguf
    if gguf is None or not gguf.recurrent_layers or not _shifts(facts):
        return
    flag = facts.profile.flag("--context-shift")
    message = (
        f"context shift is on, but {gguf.recurrent_layers} of {gguf.n_layers} layers keep a recurrent"
        " state, which cannot forget what the shift drops"
    )
    yield Finding("warning", message, "write context-shift = off", flag)


def _shifts(facts: ProfileFacts) -> bool:
    """Set, or the default: builds without `--context-shift` could only switch it off."""
    if facts.profile.flag("--context-shift"):
        return True
    if facts.profile.flag("--no-context-shift") or facts.flags is None:
        return False
    found = facts.flags.find("--context-shift")
    if found:
        return "default: enabled" in found[0].help
    return facts.flags.find("--no-context-shift") is not None


# ---- batches ----


def large_ubatch(facts: ProfileFacts) -> Iterator[Finding]:
    """`-b X -ub X`: the physical batch is what compute buffers are made for.

    Not of embedders and rerankers, which must have a whole input in one physical batch.
    """
    profile = facts.profile
    if not profile.is_generative or (facts.gguf and facts.gguf.architecture in EMBEDDERS):
        return
    batch, ubatch = (
        number(profile, "--batch-size", BATCH),
        number(profile, "--ubatch-size", UBATCH),
    )
    cost = _cost(facts, ubatch)
    if ubatch <= UBATCH or batch != ubatch or not cost:
        return
    plan = facts.plan
    is_short = plan is not None and (spills(plan) or bool(plan.steps) or not plan.fits)
    yield Finding(
        "warning" if is_short else "info",
        f"-b and -ub are both {ubatch}: compute buffers take {cost} more than with -ub 512",
        "-ub 512 is llama-server's own; 2048 read prompts 4 % faster (dense 32B on an H200)",
        profile.flag("--ubatch-size"),
    )


def _cost(facts: ProfileFacts, ubatch: int) -> str:
    """The difference of two plans of the engine; without them, the size of a batch's logits."""
    plan, small = facts.plan, facts.small_batch
    if plan and small and plan.source == small.source == "engine":
        return _difference(plan, small)
    if gguf := facts.gguf:
        mib = logits_mib(gguf, ubatch) - logits_mib(gguf, UBATCH)
        return f"about {gib(mib)}" if mib > 0 else ""
    return ""


def _difference(plan: Plan, small: Plan) -> str:
    devices = on_gpus(plan) or plan.devices
    costs = {
        device.device: device.compute - then.compute
        for device in devices
        if (then := small.device(device.device))
    }
    return ", ".join(f"{gib(mib)} of {name}" for name, mib in costs.items() if mib > 0)
