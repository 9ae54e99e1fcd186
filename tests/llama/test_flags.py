"""The parser against the help text of a real build, and against texts that are shaped oddly."""

from pathlib import Path

import pytest

from paddock.llama.flag_values import to_argv
from paddock.llama.flags import FlagSet, FlagSpec, parse_help

HELP = (Path(__file__).parent / "help-11434.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def flags() -> FlagSet:
    return parse_help(HELP)


def spec(flags: FlagSet, key: str) -> FlagSpec:
    found = flags.find(key)
    assert found is not None, key
    return found[0]


def test_every_option_of_the_real_text_is_read(flags):
    listed = [line for line in HELP.splitlines() if line.startswith("-") and line[:5] != "-----"]
    assert len(flags.specs) == len(listed) == 256


@pytest.mark.parametrize(
    "key",
    [
        "ctx-size",
        "--ctx-size",
        "c",
        "-c",
        "LLAMA_ARG_CTX_SIZE",
        "CTX-SIZE",
        "--Ctx-Size",
        "llama_arg_ctx_size",
        "--ctx_size",
    ],
)
def test_an_option_is_found_by_every_spelling(flags, key):
    found = flags.find(key)
    assert found is not None
    assert (found[0].name, found[1]) == ("--ctx-size", False)


def test_short_options_keep_their_case(flags):
    assert spec(flags, "C").name == "--cpu-mask"
    assert spec(flags, "c").name == "--ctx-size"
    assert flags.find("NGL") is None


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("no-jinja", "--jinja"),
        ("-nkvo", "--kv-offload"),
        ("nr", "--repack"),
        ("-no-kvu", "--kv-unified"),
        ("--no-mmproj", "--mmproj-auto"),
        ("no-webui", "--webui"),
        ("LLAMA_ARG_NO_JINJA", "--jinja"),
    ],
)
def test_a_spelling_that_switches_off_says_so(flags, key, name):
    found = flags.find(key)
    assert found is not None
    assert (found[0].name, found[1]) == (name, True)


def test_an_option_that_only_exists_as_no_is_not_a_negation(flags):
    found = flags.find("no-host")
    assert found is not None
    assert (found[0].negation, found[1]) == (None, False)


@pytest.mark.parametrize(
    ("key", "arity"),
    [
        ("jinja", 0),
        ("-fa", 1),
        ("-ot", 1),  # `<tensor name pattern>=<buffer type>,...` has blanks in it
        ("-hf", 1),
        ("cpu-range", 1),
        ("poll", 1),
        ("control-vector-layer-range", 2),
        ("spec-type", 1),
        ("-v", 0),
    ],
)
def test_how_many_values_an_option_takes(flags, key, arity):
    assert spec(flags, key).arity == arity


def test_choices_are_those_that_the_help_names(flags):
    assert spec(flags, "rope-scaling").choices == ("none", "linear", "yarn")
    assert spec(flags, "fa").choices == ("on", "off", "auto")
    assert spec(flags, "cpu-strict").choices == ("0", "1")
    assert spec(flags, "ctk").choices[-2:] == ("q5_0", "q5_1")
    assert spec(flags, "poll").choices == ()


def test_what_is_deprecated_and_what_was_removed(flags):
    assert spec(flags, "defrag-thold").deprecated
    assert spec(flags, "draft-max").removed
    assert not spec(flags, "spec-draft-n-max").removed


def test_wrapped_help_is_one_text_without_the_env(flags):
    text = spec(flags, "threads-batch").help
    assert text.endswith("(default: same as --threads)")
    assert "env:" not in spec(flags, "ctx-size").help
    assert spec(flags, "ctx-size").env == "LLAMA_ARG_CTX_SIZE"


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("ctx-sise", "ctx-size"), ("--n-gpu-layer", "--n-gpu-layers"), ("n_cpu_moe", "n-cpu-moe")],
)
def test_the_nearest_option_to_a_typo(flags, typo, meant):
    assert flags.nearest(typo) == meant
    assert flags.nearest("zzzzzzzz") is None


def test_a_driver_that_greets_first_and_an_option_that_is_listed_twice():
    flags = parse_help(
        "ggml_cuda_init: found 2 CUDA devices:\n"
        "  Device 0: NVIDIA GeForce RTX 4090, compute capability 8.9\n"
        "----- common params -----\n\n"
        "-c,    --ctx-size N                     size\n"
        "                                        of the context\n"
        "----- server params -----\n\n"
        "-c,    --ctx-size N                     said again\n"
        "--old                                   gone soon (deprecated, use --new)\n"
    )
    assert [s.name for s in flags.specs] == ["--ctx-size", "--old"]
    assert spec(flags, "c").help == "size of the context"
    assert spec(flags, "old").deprecated


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("jinja", "true", ("--jinja",)),
        ("jinja", "off", ("--no-jinja",)),
        ("no-jinja", "1", ("--no-jinja",)),
        ("no-jinja", "false", ("--jinja",)),
        ("metrics", "on", ("--metrics",)),
        ("metrics", "0", ()),
        ("c", "4096", ("--ctx-size", "4096")),
        ("flash-attn", "1", ("--flash-attn", "on")),
        ("flash-attn", "auto", ("--flash-attn", "auto")),
        ("n-gpu-layers", "auto", ("--n-gpu-layers", "auto")),
        ("temp", "-0.5", ("--temperature", "-0.5")),
        ("control-vector-layer-range", "10 20", ("--control-vector-layer-range", "10", "20")),
    ],
)
def test_a_value_becomes_argv_words(flags, key, text, words):
    found = flags.find(key)
    assert found is not None
    assert to_argv(found[0], text, negated=found[1]) == words


@pytest.mark.parametrize(
    ("key", "text", "complaint"),
    [
        ("jinja", "maybe", "takes true or false"),
        ("cache-type-k", "q9", "takes one of f32, f16"),
        ("ctx-size", "128k", "takes a number, not '128k'"),
        ("control-vector-layer-range", "10", "takes 2 values"),
    ],
)
def test_a_value_that_does_not_suit_is_refused_with_what_would(flags, key, text, complaint):
    with pytest.raises(ValueError, match=complaint):
        to_argv(spec(flags, key), text)


def test_options_that_llama_cpp_appends_to_lists(flags):
    assert spec(flags, "-ot").accumulates
    assert spec(flags, "-otd").accumulates
    assert not spec(flags, "-ts").accumulates
