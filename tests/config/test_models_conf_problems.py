"""What `paddock check` says about files that are wrong or doubtful."""

import pytest

from paddock.config.models_conf import read
from paddock.errors import EngineError
from paddock.llama.flags import parse_help
from tests.config.stables import flags_of_the_build, no_engine

P = "[p]\nMODEL = m.gguf\n"  # keys that follow begin in line 3


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("ctx-sise = 5", "unknown key 'ctx-sise' (did you mean 'ctx-size'?)"),
        ("CTX_SZE = 5", "unknown key 'CTX_SZE' (did you mean 'CTX_SIZE'?)"),
        ("alises = x", "unknown key 'alises' (did you mean 'aliases'?)"),
        ("qqqqqqq = 5", "unknown key 'qqqqqqq'"),
        ("spec-type = draft-mpt", "spec-type takes one of none, draft-simple, draft-eagle3, draf"),
        ("load-mode = fast", "load-mode takes one of auto, none, mmap, mlock, mmap+mlock, dio"),
        ("mmap = perhaps", "unknown key 'mmap'"),
        ("ctx-size-draft = 5", "unknown key 'ctx-size-draft' (a draft model's context follows"),
        ("ctx-size = 128k", "ctx-size takes a number of tokens, not '128k'"),
        ("ctx-size = " + "9" * 5000, "takes no number of more than 18 digits"),
        ("EXTRA_ARGS = -c " + "9" * 5000, "takes no number of more than 18 digits"),
        ("concurrency = " + "9" * 5000, "concurrency takes a whole number, 0 or more"),
        ("CTX_SIZE = -1", "CTX_SIZE takes a number of tokens, not '-1'"),
        ("N_GPU_LAYERS = most", "N_GPU_LAYERS takes a number, `auto` or `all`, not 'most'"),
        ("FLASH_ATTN = maybe", "FLASH_ATTN takes one of on, off, auto, not 'maybe'"),
        ("KV_CACHE_TYPE_K = q9", "KV_CACHE_TYPE_K takes one of f32, f16, bf16"),
        ("TENSOR_SPLIT = a,b", "TENSOR_SPLIT takes proportions with commas"),
        ("FIT_TARGET = 1G", "FIT_TARGET takes MiB, one number or one per device, not '1G'"),
        ("jinja = no", "not 'no', which llama.cpp's own preset reader takes for on"),
        ("jinja = maybe", "jinja takes true or false (on/off, 1/0), not 'maybe'"),
        ("spec-ngram-size-n = 4", "--spec-ngram-size-n was removed from this llama-server (the"),
        ("list-devices = true", "--list-devices makes llama-server print something and end"),
        ("ttl = soon", "ttl takes seconds, such as 600, or 10m or 2h, not 'soon'"),
        ("pin = perhaps", "pin takes true or false (on/off, yes/no, 1/0), not 'perhaps'"),
        ("priority = high", "priority takes a whole number, not 'high'"),
        ("replicas = 0", "replicas takes a whole number, 1 or more, not '0'"),
        ("concurrency = -1", "concurrency takes a whole number, 0 or more, not '-1'"),
        (
            "sampler-policy = strict",
            "sampler-policy takes default, force or the samplers that clients may set (temperature, top_k, top_p, min_p, …), not 'strict'",
        ),
        ("engine = container:", "engine takes a name of paddock.toml's [engines], native, embed"),
        ("engine = my llama", "engine takes a name of paddock.toml's [engines], native, embedde"),
        ("EXTRA_ARGS = --jinjo", "EXTRA_ARGS: unknown flag '--jinjo' (did you mean --jinja?)"),
        ("EXTRA_ARGS = --nope 1 2 3", "EXTRA_ARGS: unknown flag '--nope'"),
        ("EXTRA_ARGS = --ctx-size=5", "(write the value as a word of its own: --ctx-size …)"),
        ("EXTRA_ARGS = --spec-type mpt", "EXTRA_ARGS: --spec-type takes one of none, draft-simpl"),
        ("EXTRA_ARGS = --gan 4", "unknown flag '--gan' (llama-server extends no context by grou"),
        ("EXTRA_ARGS = -fa --jinjo 3 -c 5", "unknown flag '--jinjo' (did you mean --jinja?)"),
        ("EXTRA_ARGS = -c", "EXTRA_ARGS: -c lacks its value (N)"),
        ("EXTRA_ARGS = -c --jinja", "EXTRA_ARGS: -c lacks its value (N)"),
        ("EXTRA_ARGS = -ub 1x", "EXTRA_ARGS: -ub takes a number, not '1x'"),
        ("EXTRA_ARGS = -ts x", "EXTRA_ARGS: -ts takes proportions"),
        ("EXTRA_ARGS = --jinja true", "EXTRA_ARGS: stray word 'true' (no flag before it takes"),
        ("EXTRA_ARGS = jinja", "EXTRA_ARGS: stray word 'jinja' (did you mean --jinja?)"),
        ("EXTRA_ARGS = --grammar 'x", "EXTRA_ARGS: cannot be split into words: No closing quot"),
        ("EXTRA_ARGS = --port 5", "EXTRA_ARGS: --port is not for profiles: Paddock sets it"),
        ("EXTRA_ARGS = -a x", "--alias is not for profiles: Paddock sets it (write `aliases ="),
        ("EXTRA_ARGS = --version", "--version makes llama-server print something and end"),
        ("ctx_size", "no `=` in 'ctx_size' (write `key = value`; comments begin with # or ;)"),
        ("NAME = x\n  c = 5", "NAME goes on over the next, indented line: 'c = 5'"),
        ("EXTRA_ARGS = --jinja\n  c = 5", "EXTRA_ARGS goes on over the next, indented line"),
    ],
)
def test_one_mistake_is_one_error_with_its_line(yard, keys, complaint):
    (error,) = yard.errors(P + keys + "\n")
    assert complaint in error
    assert error.startswith("models.conf:3: ")


def test_a_wrapper_key_for_a_flag_that_this_build_lacks(yard):
    old = parse_help("-m,    --model FNAME                    model path\n")
    assert yard.errors(P + "FIT = on\n", lambda _: old) == [
        "models.conf:3: [p] FIT stands for --fit, which this engine lacks"
    ]


def test_a_flag_twice_in_a_section_names_both_lines_whatever_the_spelling(yard):
    assert yard.errors(P + "c = 5\nCTX_SIZE = 6\n") == [
        "models.conf:4: [p] 'c' in line 3 and 'CTX_SIZE' in line 4 both set --ctx-size (keep one of them)"
    ]
    assert yard.errors(P + "jinja = on\nno-jinja = off\n") == [
        "models.conf:4: [p] 'jinja' in line 3 and 'no-jinja' in line 4 both set --jinja (keep one of them)"
    ]
    assert "both set aliases" in yard.errors(P + "alias = a\naliases = b\n")[0]
    assert (
        "'ttl' in line 3 and 'ttl' in line 4 are the same key"
        in yard.errors(P + "ttl=1\nttl=2\n")[0]
    )
    assert (
        "in line 3 and 'extra_args' in line 4"
        in (yard.errors(P + "EXTRA_ARGS =\nextra_args =\n")[0])
    )


def test_a_flag_in_two_spellings_with_one_value_is_no_error(yard):
    text = P + "ngl = auto\nn-gpu-layers = auto\n"
    assert yard.warnings(text) == [
        "models.conf:4: [p] 'n-gpu-layers' repeats 'ngl' in line 3 (keep one of them)"
    ]
    assert yard.argv("ngl = auto\nn-gpu-layers = auto") == ["--n-gpu-layers", "auto"]
    assert "both set --jinja" in yard.errors(P + "jinja = on\nno-jinja = on\n")[0]


def test_a_section_twice_names_both_lines(yard):
    assert yard.errors(P + P + "c = 5\n") == [
        "models.conf:3: section [p] in line 3 was already given in line 1 (merge the two, or rename one)"
    ]
    assert (
        "was already given before the first section"
        in (yard.errors("model = m.gguf\n[default]\nmodel = m.gguf\n")[0])
    )


def test_names_that_collide_name_both_lines(yard):
    text = P + "aliases = x, q\n[q]\nMODEL = m.gguf\naliases = x\n"
    assert yard.errors(text) == [
        "models.conf:3: [p] alias 'q' in line 3 is taken by the section in line 4",
        "models.conf:6: [q] alias 'x' in line 6 is taken by an alias of [p] in line 3",
    ]
    assert yard.errors(P + "aliases = p\n") == []


def test_an_alias_for_all_is_no_alias(yard):
    assert (
        "aliases in [*] would give every profile the same"
        in (yard.errors("[*]\naliases = x\n" + P)[0])
    )


def test_a_profile_needs_a_model(yard):
    assert yard.errors("[p]\nc = 5\n") == [
        "models.conf:1: [p] has no model (write MODEL = file.gguf, or hf-repo = user/model)"
    ]


def test_a_mistake_for_all_is_reported_once(yard):
    text = "[*]\nctx-sise = 5\n" + P + "[q]\nMODEL = m.gguf\n"
    assert len(yard.errors(text)) == 1
    assert len(yard.errors("[*]\nctx-sise = 5\n")) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"[p]\nNAME = gr\xf6\xdfe\n", "models.conf:2: is not UTF-8 text (save the file as UTF-8)"),
        ("[p]\n".encode("utf-16"), "models.conf:1: is not UTF-8 text"),
        (b"[p]\n\0\n", "models.conf:2: is not UTF-8 text"),
        (b"[p\nMODEL = m.gguf\n", "models.conf:1: section header without its closing bracket: [p"),
        (b"[a]\nhf = u/m\n [p]\nc = 5\n", "[a] hf goes on over the next, indented line: '[p]'"),
        (b"[a]\n [p]\nhf = u/m\n", "[p] the section's header is indented"),
        (b"  [a]\n", "[a] the section's header is indented"),
        (b"[p\x07]\nhf = u/m\n", "a profile's name is printable text"),
    ],
)
def test_files_that_are_not_what_they_should_be(yard, text, complaint):
    assert any(complaint in error for error in yard.errors(text))


def test_a_file_that_is_not_there_and_one_that_is_a_folder(yard):
    for path in (yard.folder / "none.conf", yard.models):
        stable, (problem,) = read(path, flags_for=no_engine)
        assert stable is None
        assert str(problem).startswith(f"{path}: cannot be read: ")


def test_missing_files_do_not_stop_the_daemon_but_fail_the_check(yard):
    (yard.models / "Qwen3-8B-Q4.gguf").touch()
    (yard.models / "s-00001-of-00004.gguf").touch()
    (yard.models / "s-00003-of-00004.gguf").touch()
    text = (
        "[a]\nMODEL = Qwen3-8B-Q5.gguf\nMMPROJ = far/away.gguf\n"
        "[b]\nMODEL = s-00001-of-00004.gguf\n[c]\nMODEL = s-00003-of-00004.gguf\n"
    )
    stable = yard.load(text)
    assert all(w.kind == "file" and w.fails_check for w in stable.warnings)
    assert yard.warnings(text) == [
        "models.conf:2: [a] MODEL: no such file: models/Qwen3-8B-Q5.gguf (did you mean Qwen3-8B-Q4.gguf?)",
        "models.conf:3: [a] MMPROJ: no such file: models/far/away.gguf (there is no folder models/far)",
        "models.conf:5: [b] MODEL: 2 of 4 shards missing in models: s-00002-of-00004.gguf, s-00004-of-00004.gguf (download all of them into one folder)",
        "models.conf:7: [c] MODEL: is not the first of its shards: models/s-00003-of-00004.gguf (write s-00001-of-00004.gguf)",
    ]


def test_a_folder_where_a_model_file_belongs_is_called_a_folder(yard):
    (yard.models / "Qwen3-8B").mkdir()
    assert yard.warnings("[a]\nMODEL = Qwen3-8B\n") == [
        "models.conf:2: [a] MODEL: a folder instead of a file: models/Qwen3-8B (name the GGUF file in it; of several shards the first)",
    ]


@pytest.mark.parametrize(
    ("keys", "warning"),
    [
        ("N_GPU_LAYERS = 99", "--n-gpu-layers 99 keeps --fit from moving layers (use auto, or"),
        ("ngl = all\nfit = on", "--n-gpu-layers all keeps --fit from moving layers"),
        ("EXTRA_ARGS = -ngl 40", "--n-gpu-layers 40 keeps --fit from moving layers"),
        (
            r"EXTRA_ARGS = -r blk\.([0-9]+)\.ffn=CPU --jinja",
            r"by a shell's rules blk\.([0-9]+)\.ffn=CPU loses its backslashes: blk.([0-9]+).ffn=CPU "
            r"remains (put it into quotes: 'blk\.([0-9]+)\.ffn=CPU')",
        ),
        ("TENSOR_SPLIT = 3,2", "--tensor-split keeps --fit from moving layers (write FIT = off"),
        ("n-cpu-moe = 12", "--n-cpu-moe keeps --fit from moving layers"),
        ("keep-context = on\nembeddings = on", "keep-context has no effect beside --embeddings"),
        ("api-key = x", "api-key is ignored: Paddock sets --api-key itself"),
        ("models-max = 3", "models-max is ignored: Paddock sets --models-max itself"),
        ("defrag-thold = 0.1", "--defrag-thold is deprecated"),
        ('chat-template-kwargs = {"a": "b;c"}', 'would cut chat-template-kwargs to \'{"a": "b\''),
        ("grammar = x#y", "llama.cpp's own preset reader would cut grammar to 'x'"),
    ],
)
def test_what_is_doubtful_is_a_warning_with_its_line(yard, keys, warning):
    (said,) = yard.warnings(P + keys + "\n")
    assert warning in said
    assert said.startswith("models.conf:3: [p] ")
    assert yard.errors(P + keys + "\n") == []


@pytest.mark.parametrize(
    "keys",
    [
        *("N_GPU_LAYERS = auto", "N_GPU_LAYERS = 99\nFIT = off", "ngl = 0", "NAME = a; b # c"),
        *(r"EXTRA_ARGS = -r 'blk\.1=CPU'", r'EXTRA_ARGS = -r "blk\.1=CPU"'),
        *(r"EXTRA_ARGS = -r blk\\.1=CPU", r"EXTRA_ARGS = --reverse-prompt a\ b\"", "ngl = auto"),
        *("EXTRA_ARGS = --grammar 'a;b'", "keep-context = on", "tags = x"),
        *("spec-type = draft-simple\nmodel-draft = m.gguf", "spec-type = draft-mtp,ngram-mod"),
        *("spec-type = none", "spec-type = draft-simple\nhf-repo-draft = u/m"),
    ],
)
def test_what_is_fine_is_not_mentioned(yard, keys):
    assert yard.problems(P + keys + "\n") == []


def test_what_is_said_for_all_need_not_suit_each(yard):
    assert yard.problems("[*]\nkeep-context = on\n" + P + "embeddings = on\n") == []


def test_a_warning_about_all_is_reported_once_and_where_it_stands(yard):
    shared = "[*]\nN_GPU_LAYERS = 99\napi-key = x\n"
    said = yard.warnings(shared + P + "[q]\nMODEL = m.gguf\n")
    assert [line.split("] ")[0] for line in said] == ["models.conf:2: [*", "models.conf:3: [*"]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("N_GPU_LAYERS = 99", "numeric-gpu-layers"),
        ("TENSOR_SPLIT = 3,2", "fit-blocked"),
        ("EXTRA_ARGS = --cpu-moe", "fit-blocked"),
        ("MMPROJ = none.gguf", "missing-file"),
        ("model-draft = d-00001-of-00002.gguf", "missing-shards"),
        ("spec-type = draft-simple", "no-draft-model"),
        ("EXTRA_ARGS = --spec-type ngram-mod,draft-eagle3", "no-draft-model"),
        ("defrag-thold = 0.1", "deprecated-flag"),
        ("EXTRA_ARGS = --defrag-thold 0.1", "deprecated-flag"),
        ("c = 4096\nEXTRA_ARGS = -c 8192", "duplicate-flag"),
        ("ctx-sise = 5", "unknown-flag"),
        ("EXTRA_ARGS = --jinjo", "unknown-flag"),
        ("EXTRA_ARGS = --no-mmap", "old-spelling"),
        ("draft-max = 4", "old-spelling"),
        ("spec-ngram-size-n = 4", "unknown-flag"),
        ("lora = none.gguf", "missing-file"),
        ("engine = /no/such/llama-server", "no-engine"),
        ("ttl = soon", ""),
    ],
)
def test_what_the_manual_has_a_heading_for_carries_its_code(yard, keys, code):
    (yard.models / "d-00001-of-00002.gguf").touch()

    def flags_for(engine):
        if engine and "no/such" in engine:
            raise EngineError(f"there is no program {engine}")
        return flags_of_the_build(engine)

    (problem,) = yard.problems(P + keys + "\n", flags_for)
    assert problem.code == code


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            "CTX_SIZE = 4096\nEXTRA_ARGS = -c 8192",
            "models.conf:4: [p] --ctx-size is given twice: 8192 counts, 4096 of CTX_SIZE, line 3, "
            "does not (keep one of them)",
        ),
        (
            "EXTRA_ARGS = -ub 512 --jinja -ub 1024",
            "models.conf:3: [p] --ubatch-size is given twice: 1024 counts, 512 of EXTRA_ARGS, "
            "line 3, does not (keep one of them)",
        ),
        (
            "jinja = on\nEXTRA_ARGS = --no-jinja",
            "models.conf:4: [p] --no-jinja is given twice: --no-jinja counts, --jinja of jinja, "
            "line 3, does not (keep one of them)",
        ),
        (
            "override-kv = a=int:1\nEXTRA_ARGS = --override-kv b=int:2",
            "models.conf:4: [p] --override-kv is given twice: b=int:2 counts, a=int:1 of "
            "override-kv, line 3, does not (keep one of them)",
        ),
    ],
)
def test_a_flag_that_is_given_twice_within_a_section(yard, keys, said):
    assert yard.warnings(P + keys + "\n") == [said]


@pytest.mark.parametrize(
    "text",
    [
        "[*]\nc = 4096\nEXTRA_ARGS = -ub 256\n" + P + "c = 8192\n",  # defaults are to be replaced
        "[*]\nc = 4096\nEXTRA_ARGS = -c 8192\n" + P + "EXTRA_ARGS = --jinja\n",  # void altogether
        P + "EXTRA_ARGS = --logit-bias 1-100 --logit-bias 2-100\n",  # llama-server adds them up
    ],
)
def test_what_is_replaced_on_purpose_is_not_given_twice(yard, text):
    assert yard.problems(text) == []


def test_twice_in_the_defaults_is_reported_once_and_there(yard):
    text = "[*]\nc = 4096\nEXTRA_ARGS = -c 8192\n" + P + "[q]\nMODEL = m.gguf\n"
    (said,) = yard.warnings(text)
    assert said.startswith("models.conf:3: [*] --ctx-size is given twice: 8192 counts, 4096 of c")
