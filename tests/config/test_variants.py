"""Sections with `variant-of`: what each becomes, and what is wrong with it."""

import pytest

from paddock.config.describe import described, described_variant, variant_info
from paddock.config.explain import compare
from paddock.config.variant import Variant
from tests.config.stables import no_engine

BASE = "[qwen]\nMODEL = m.gguf\naliases = q\n"


def variant(yard, keys: str, flags_for=None) -> Variant:
    """The variant with these keys."""
    given = {"flags_for": flags_for} if flags_for else {}
    found: Variant = yard.load(f"{BASE}[v]\nvariant-of = qwen\n{keys}\n", **given).variants["v"]
    return found


def test_a_variant_is_a_name_of_its_own_and_no_profile(yard):
    stable = yard.load(f"{BASE}[v]\nvariant-of = qwen\nNAME = Qwen, thinking\naliases = t, u\n")
    assert list(stable.profiles) == ["qwen"]
    named = stable.named("u")
    assert named
    assert (named.id, named.profile.id) == ("v", "qwen")
    assert stable.find("v") is stable.profiles["qwen"]
    assert [v.title for v in stable.variants_of("qwen")] == ["Qwen, thinking"]


@pytest.mark.parametrize("flags_for", [None, no_engine])
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("temp = 0.6\ntop-k = 20", {"samplers": {"temperature": 0.6, "top_k": 20.0}}),
        ("EXTRA_ARGS = --temp 0.6 --top-p 0.9", {"samplers": {"temperature": 0.6, "top_p": 0.9}}),
        ("temperature = -1", {"samplers": {"temperature": -1.0}}),
        (
            'chat-template-kwargs = {"enable_thinking": false}',
            {"template_arguments": {"enable_thinking": False}},
        ),
        ("EXTRA_ARGS = --reasoning off", {"thinking": False}),
        ("reasoning-budget = 512", {"budget": 512}),
        ("reasoning_effort = High", {"effort": "high"}),
        ("SYSTEM_PROMPT = Be brief; # always", {"system_prompt": "Be brief; # always"}),
        ("system-prompt = One.\n  Two.", {"system_prompt": "One.\nTwo."}),
        ("system-prompt-mode = instead", {"replaces_system": True}),
        ("max-tokens = 100 ; enough", {"max_tokens": 100}),
        ("max-tokens-limit = 200", {"max_tokens_limit": 200}),
        ("stop = ###", {"stop": ("###",)}),
        ('stop = ["a", "\\n"]', {"stop": ("a", "\n")}),
        ("sampler-policy = force", {"client_samplers": ()}),
        ("hidden = true", {"hidden": True}),
    ],
)
def test_each_key_sets_something_of_its_requests(yard, keys, expected, flags_for):
    found = variant(yard, keys, flags_for)
    assert {name: getattr(found, name) for name in expected} == expected


def test_without_a_policy_of_its_own_the_profiles_counts(yard):
    stable = yard.load(f"{BASE}sampler-policy = force\n[v]\nvariant-of = qwen\n")
    assert stable.variants["v"].client_samplers == ()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("ctx-size = 4096", "6: [v] ctx-size is a launch flag (--ctx-size)"),
        ("CTX_SIZE = 4096", "6: [v] CTX_SIZE is a launch flag (--ctx-size)"),
        ("MODEL = m.gguf", "6: [v] MODEL is a launch flag (--model)"),
        ("EXTRA_ARGS = --temp 1 -ngl 9", "6: [v] -ngl is a launch flag (--n-gpu-layers)"),
        ("no-jinja = true", "6: [v] no-jinja is a launch flag (--jinja)"),
        ("ttl = 5m", "6: [v] ttl belongs to an instance"),
        ("temp = warm", "6: [v] temp takes a number, not 'warm'"),
        ("max-tokens = 0", "6: [v] max-tokens takes a whole number, 1 or more, not '0'"),
        ("temprature = 1", "6: [v] unknown key 'temprature' of a variant (did you mean 'temp"),
        ("temp = 1\ntemperature = 2", "7: [v] temperature was already set in line 6"),
        ("chat-template-kwargs = [1]", "6: [v] chat-template-kwargs takes a JSON object"),
        ("EXTRA_ARGS = --temp '1", "6: [v] EXTRA_ARGS: cannot be split into words"),
        ("EXTRA_ARGS = stray", "6: [v] EXTRA_ARGS: stray word 'stray'"),
        ("aliases = q", "4: [v] the name 'q' is taken by [qwen]"),
    ],
)
def test_what_is_wrong_costs_the_variant_alone(yard, keys, message):
    text = f"{BASE}[v]\nvariant-of = qwen\n{keys}\n"
    stable = yard.load(text)
    assert list(stable.profiles) == ["qwen"]
    assert stable.variants == {}
    [error] = yard.errors(text)
    assert error.startswith(f"models.conf:{message}")
    assert [p.fails_check for p in stable.warnings] == [True]


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("v", "is a variant of itself (name a profile with a model)"),
        ("w", "is a variant of the variant [w] (write the profile that [w] is a variant of)"),
        ("qwem", "is a variant of 'qwem', and there is no such profile (did you mean 'qwen'?)"),
        ("*", "is a variant of '*', and there is no such profile"),
        ("", "is a variant of '', and there is no such profile"),
    ],
)
def test_a_variant_is_of_a_profile_alone(yard, of, message):
    text = f"{BASE}[w]\nvariant-of = qwen\n[v]\nvariant-of = {of}\n"
    assert list(yard.load(text).variants) == ["w"]
    assert yard.errors(text) == [f"models.conf:7: [v] {message}"]


def test_a_variant_named_as_another_profiles_alias_is_left_out(yard):
    text = f"{BASE}[q]\nvariant-of = qwen\n"
    assert yard.errors(text) == ["models.conf:4: [q] the name 'q' is taken by [qwen]"]


def test_a_profile_cannot_have_settings_of_requests(yard):
    [error] = yard.errors(f"{BASE}system-prompt = Be brief.\n")
    assert "system-prompt is a setting of requests, which variants have" in error


def test_a_changed_variant_is_a_change_of_its_profile_that_restarts_nothing(yard):
    old = yard.load(f"{BASE}[v]\nvariant-of = qwen\ntemp = 1\n")
    moved = yard.load(f"# moved\n{BASE}[v]\nvariant-of = qwen\ntemp = 1\n")
    new = yard.load(f"{BASE}[v]\nvariant-of = qwen\ntemp = 2\n")
    assert not compare(old, moved)
    assert (compare(old, new).changed, compare(old, new).restarts) == (("qwen",), ())


NAMES = """
[Qwen3-8B]
MODEL = m.gguf
NAME = The Big One
aliases = big

[other]
MODEL = sub/Some-Model-Q4_K_M.gguf
NAME = Another

[third]
MODEL = else/Some-Model-Q4_K_M.gguf

[v]
variant-of = other
NAME = Thinking
"""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Qwen3-8B", "Qwen3-8B"),
        ("qwen3-8b", "Qwen3-8B"),
        ("BIG", "Qwen3-8B"),
        ("the big one", "Qwen3-8B"),
        ("m", "Qwen3-8B"),
        ("models/m.gguf", "Qwen3-8B"),
        ("claude-QWEN3-8B", "Qwen3-8B"),
        ("anthropic-QWEN3-8B", "Qwen3-8B"),
        ("qwen3-8b:latest", "Qwen3-8B"),
        ("thinking", "v"),
        ("sub/some-model-q4_k_m", "other"),
        ("Some-Model-Q4_K_M.gguf", None),
        ("", None),
        ("odel", None),
    ],
)
def test_a_name_is_understood_where_one_thing_alone_is_called_so(yard, name, meant):
    for folder in ("sub", "else"):
        (yard.models / folder).mkdir()
        (yard.models / folder / "Some-Model-Q4_K_M.gguf").touch()
    found = yard.load(NAMES).meant(name)
    assert (found.id if found else None) == meant


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Qwen3", ["Qwen3-8B"]),
        ("othre", ["other", "third"]),
        ("some-model-q4_k_m", ["other", "third"]),
        ("zzzzzzzz", []),
    ],
)
def test_the_nearest_names_are_listed_each_once(yard, name, near):
    for folder in ("sub", "else"):
        (yard.models / folder).mkdir()
        (yard.models / folder / "Some-Model-Q4_K_M.gguf").touch()
    assert yard.load(NAMES).near(name) == near


@pytest.mark.parametrize(("keys", "unlisted"), [("", True), ("hidden = false", False)])
def test_benchmarks_are_not_in_clients_lists_unless_asked(yard, keys, unlisted):
    stable = yard.load(f"[bench-m]\nMODEL = m.gguf\n{keys}\n")
    assert stable.profiles["bench-m"].is_unlisted is unlisted


@pytest.mark.parametrize(
    ("name", "keys", "unlisted"),
    [
        ("v", "", False),
        ("v", "hidden = on", True),
        ("bench-v", "", True),
        ("bench-v", "hidden = off", False),
    ],
)
def test_a_variant_named_bench_is_hidden_as_a_profile_of_that_name_is(yard, name, keys, unlisted):
    stable = yard.load(f"{BASE}[{name}]\nvariant-of = qwen\n{keys}\n")
    assert stable.named(name).is_unlisted is unlisted


@pytest.mark.parametrize("keys", ["", "hidden = on", "hidden = off"])
@pytest.mark.parametrize("name", ["v", "bench-v"])
def test_a_variant_alone_and_with_its_profile_is_described_alike(yard, name, keys):
    stable = yard.load(f"{BASE}[{name}]\nvariant-of = qwen\n{keys}\n")
    variant = stable.variants[name]
    alone = variant_info(variant)
    assert (alone.bench, alone.hidden) == (name == "bench-v", keys == "hidden = on")
    whole = described_variant(described(stable.profiles["qwen"], mib=1), variant)
    shared = set(alone.__struct_fields__) & set(whole.__struct_fields__)
    assert {f: getattr(alone, f) for f in shared} == {f: getattr(whole, f) for f in shared}
