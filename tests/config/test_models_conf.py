"""models.conf as people write it: three vocabularies, precedence, files, names."""

import pytest

from paddock.config.models_conf import load, read
from paddock.errors import ConfigError, EngineError
from tests.config.stables import FLAGS, flags_of_the_build, no_engine


def test_the_wrapper_keys_become_flags_and_words_for_people(yard):
    (yard.models / "proj.gguf").touch()
    profile = yard.profile(
        "NAME = GLM Flash\nDESCRIPTION = quick one\nSPEED = ~147 t/s\nMMPROJ = proj.gguf\n"
        "CTX_SIZE = 131072\nN_GPU_LAYERS = auto\nSPLIT_MODE = layer\nTENSOR_SPLIT = 3,2\n"
        "MAIN_GPU = 0\nFLASH_ATTN = 1\nKV_CACHE_TYPE_K = q8_0\nKV_CACHE_TYPE_V = q8_0\n"
        "FIT = off\nFIT_TARGET = 1024,512\nFIT_CTX = 8192\nEXTRA_ARGS = --jinja --temp 0.7"
    )
    assert (profile.title, profile.description) == ("GLM Flash", "quick one")
    assert (profile.speed_text, profile.expected_speed) == ("~147 t/s", 147.0)
    assert profile.model == yard.models / "m.gguf"
    assert profile.mmproj == yard.models / "proj.gguf"
    assert profile.ctx_size == 131072
    words = (
        f"--model {yard.models}/m.gguf --mmproj {yard.models}/proj.gguf --ctx-size 131072 "
        "--n-gpu-layers auto --split-mode layer --tensor-split 3,2 --main-gpu 0 --flash-attn on "
        "--cache-type-k q8_0 --cache-type-v q8_0 --fit off --fit-target 1024,512 --fit-ctx 8192 "
        "--jinja --temperature 0.7"
    )
    assert list(profile.argv) == words.split()


def test_a_preset_file_of_llama_cpp_works_unchanged(yard):
    stable = yard.load(
        "version = 1\n\n[*]\njinja = true\nLLAMA_ARG_CTX_SIZE = 8192\n\n"
        "[org/model:Q4]\nmodel = m.gguf\nngl = auto\nno-mmproj = true\nc = 4096\n"
        "alias = a, b\ntags = x\nload-on-startup = true\nstop-timeout = 10\n"
        "dedup-cache-models = true\nhost = 0.0.0.0\n"
    )
    profile = stable.profiles["org/model:Q4"]
    assert profile.aliases == ("a", "b")
    assert (profile.preload, profile.stop_timeout) == (True, 10.0)
    expected = "--jinja --n-gpu-layers auto --no-mmproj-auto --ctx-size 4096"
    assert list(profile.argv[2:]) == expected.split()
    assert [str(w.message) for w in stable.warnings] == [
        "host is ignored: Paddock sets --host itself"
    ]
    assert stable.find("b") is profile


def test_keys_before_any_section_belong_to_the_profile_default(yard):
    assert list(yard.load("model = m.gguf\n[x]\nmodel = m.gguf\n").profiles) == ["default", "x"]
    assert list(yard.load("version = 1\n[x]\nmodel = m.gguf\n").profiles) == ["x"]


def test_paddocks_own_keys(yard):
    profile = yard.profile(
        "aliases = glm, z/flash ,glm\nttl = 10m\npin = yes\npriority = -3\npreload = on\n"
        "engine = embedded\nhidden = 1\nconcurrency = 4\nkeep-context = true\n"
        "replicas = 3\nrpc-nodes = desk, attic,desk\n"
        "sampler-policy = force\nstop-timeout = 2.5"
    )
    assert profile.aliases == ("glm", "z/flash")
    assert (profile.ttl, profile.pin, profile.priority, profile.preload) == (600.0, True, -3, True)
    assert (profile.engine, profile.hidden, profile.concurrency) == ("embedded", True, 4)
    assert (profile.keep_context, profile.client_samplers, profile.replicas) == ("on", (), 3)
    assert profile.rpc_nodes == ("desk", "attic")
    assert profile.stop_timeout == 2.5


PRECEDENCE = [
    # [*] keys, [*] EXTRA_ARGS, section keys, section EXTRA_ARGS -> effective, overridden
    ("1", None, None, None, "1", []),
    ("1", "2", None, None, "2", ["1"]),
    ("1", "2", "3", None, "3", ["2", "1"]),
    ("1", "2", "3", "4", "4", ["3", "2", "1"]),
    (None, None, "3", "4", "4", ["3"]),
    (None, "2", None, "4", "4", ["2"]),
    ("1", None, "3", None, "3", ["1"]),
    ("1", "2", None, "", "1", ["2"]),  # an EXTRA_ARGS of its own replaces that of [*] as a whole
    (None, "2", None, "--jinja", None, []),
]


@pytest.mark.parametrize(("low", "low_tail", "high", "high_tail", "wins", "beaten"), PRECEDENCE)
def test_precedence(yard, low, low_tail, high, high_tail, wins, beaten):
    def lines(key, tail):
        ctx = f"CTX_SIZE = {key}\n" if key else ""
        flag = f"-c {tail}" if tail and tail.isdecimal() else tail
        return ctx + (f"EXTRA_ARGS = {flag}\n" if tail is not None else "")

    profile = yard.profile(lines(high, high_tail), shared=lines(low, low_tail))
    flag = profile.flag("--ctx-size")
    assert (flag.values[0] if flag else None) == wins
    assert [values[0] for values, _ in flag.overrides] == beaten if flag else beaten == []


def test_every_flag_knows_where_it_was_written(yard):
    flag = yard.profile("c = 2", shared="CTX_SIZE = 1").flag("--ctx-size")
    assert str(flag.origin) == "[p] c, line 5"
    assert [(v, str(o)) for v, o in flag.overrides] == [(("1",), "[*] CTX_SIZE, line 2")]


def test_a_switch_can_be_turned_off_again(yard):
    assert yard.argv("jinja = off", shared="jinja = on") == ["--no-jinja"]
    assert yard.argv("metrics = off", shared="metrics = on") == []
    assert yard.argv("no-warmup = true") == ["--no-warmup"]


def test_an_empty_value_takes_a_default_of_all_away(yard):
    profile = yard.profile("CTX_SIZE =\nttl =", shared="CTX_SIZE = 5\nttl = 60")
    assert (profile.ctx_size, profile.ttl) == (None, 0.0)


def test_flags_that_llama_cpp_adds_up_are_all_kept(yard):
    assert yard.argv("EXTRA_ARGS = -ot a=CPU --override-tensor b=CPU --temp 1 --temp 2") == [
        *("--override-tensor", "a=CPU", "--override-tensor", "b=CPU", "--temperature", "2")
    ]
    assert yard.argv("override-tensor = a=CPU\nEXTRA_ARGS = -ot b=CPU") == [
        *("--override-tensor", "b=CPU")
    ]


def test_extra_args_follow_the_rules_of_a_shell_and_reach_none(yard):
    keys = (
        """EXTRA_ARGS = --chat-template-kwargs '{"a": "b;c # $HOME"}' --grammar "x y" """
        "\\\n   --reasoning-budget -1\n   -l 15043-1"
    )
    assert yard.argv(keys) == [
        *("--chat-template-kwargs", '{"a": "b;c # $HOME"}', "--grammar", "x y"),
        *("--reasoning-budget", "-1", "--logit-bias", "15043-1"),
    ]


def test_a_value_may_hold_what_ends_it_elsewhere(yard):
    keys = 'chat-template-kwargs = {"a": "b = c; # d"}\ndry-sequence-breaker = ;'
    assert yard.argv(keys) == [
        *("--chat-template-kwargs", '{"a": "b = c; # d"}', "--dry-sequence-breaker", ";")
    ]


@pytest.mark.parametrize("encode", [str.encode, lambda t: t.encode("utf-8-sig")])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_marks_make_no_difference(yard, encode, newline):
    text = "; größe\n[p] # my model\nMODEL = m.gguf\n  # indented comment\nNAME = Größe\n"
    stable = yard.load(encode(text.replace("\n", newline)))
    assert stable.profiles["p"].title == "Größe"
    assert stable.profiles["p"].line == 2
    assert stable.profiles["p"].flags[0].origin.line == 3


def test_paths_start_from_the_models_folder_the_file_or_home(yard, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    (yard.folder / "beside.gguf").touch()
    keys = "EXTRA_ARGS = -md beside.gguf --lora ~/a.gguf,b.gguf --chat-template-file t.jinja"
    profile = yard.profile(keys)
    assert profile.argv[2:] == (
        *("--model-draft", f"{yard.folder}/beside.gguf"),
        *("--lora", f"/home/me/a.gguf,{yard.folder}/b.gguf"),
        *("--chat-template-file", f"{yard.folder}/t.jinja"),
    )


def test_a_model_that_llama_server_fetches_has_no_file_here(yard):
    stable = yard.load("[p]\nhf-repo = org/model:Q4\nhf-file = x.gguf\n")
    assert stable.profiles["p"].model is None
    assert stable.profiles["p"].argv == ("--hf-repo", "org/model:Q4", "--hf-file", "x.gguf")
    assert stable.warnings == ()


def test_another_models_folder(yard, tmp_path):
    yard.write("[p]\nMODEL = x.gguf\n")
    elsewhere = tmp_path / "elsewhere"
    stable = load(yard.path, models_dir=elsewhere, flags_for=flags_of_the_build)
    assert stable.profiles["p"].model == elsewhere / "x.gguf"


def test_each_profile_is_checked_against_its_own_engine(yard):
    asked = []

    def flags_for(name):
        asked.append(name)
        if name == "embedded":
            raise EngineError("no xllamacpp", hint="pip install paddock-llm[embedded]")
        return FLAGS

    text = "[a]\nMODEL = m.gguf\n[b]\nengine = ./build/server\nMODEL = m.gguf\n"
    assert yard.load(text, flags_for).profiles["b"].engine == f"{yard.folder}/build/server"
    assert asked == [None, f"{yard.folder}/build/server"]
    text = "[*]\nengine = embedded\n[a]\nMODEL = m.gguf\n[b]\nMODEL = m.gguf\n"
    assert yard.errors(text, flags_for) == [
        "models.conf:2: [*] no xllamacpp (pip install paddock-llm[embedded])"
    ]


def test_what_an_engine_always_gets_lies_below_everything(yard):
    words = {None: ("--threads", "8", "--jinja", "-ub", "64"), "other": ("--threads", "2")}
    text = (
        "[*]\nub = 128\n[a]\nMODEL = m.gguf\njinja = false\n[b]\nMODEL = m.gguf\nengine = other\n"
    )
    yard.path.write_text(text)
    (yard.folder / "models").mkdir(exist_ok=True)
    stable = load(yard.path, flags_for=flags_of_the_build, defaults_for=words.__getitem__)
    a, b = ({flag.name: flag for flag in profile.flags} for profile in stable.profiles.values())
    assert (str(a["--threads"].origin), str(b["--threads"].origin)) == ("engine", "engine other")
    assert (a["--threads"].values, b["--threads"].values) == (("8",), ("2",))
    assert "--jinja" not in a
    batch = a["--ubatch-size"]
    assert (batch.values, str(batch.origin)) == (("128",), "[*] ub, line 2")
    assert [str(origin) for _, origin in batch.overrides] == ["engine"]


def test_an_engines_wrong_flag_is_reported_where_the_engine_is_named(yard):
    yard.path.write_text("[a]\nMODEL = m.gguf\nengine = other\n")
    stable, problems = read(
        yard.path, flags_for=flags_of_the_build, defaults_for=lambda name: ("--nope",)
    )
    assert stable is None
    (error,) = [p for p in problems if p.severity == "error"]
    assert (error.line, error.section) == (3, "a")
    assert error.message == "the engine's own flags, in paddock.toml: unknown flag '--nope'"


def test_without_any_engine_flags_pass_unchecked_with_a_word_about_it(yard):
    text = (
        "[p]\nMODEL = m.gguf\nnovel = 3\nnovelty = true\nc = 5\n"
        "EXTRA_ARGS = --newer -1 x --newest -ngl 5\n"
    )
    stable = yard.load(text, no_engine)
    assert list(stable.profiles["p"].argv[2:]) == [
        *("--novel", "3", "--novelty", "--ctx-size", "5"),
        *("--newer", "-1", "x", "--newest", "--n-gpu-layers", "5"),
    ]
    assert [w.message for w in stable.warnings] == [
        "no engine is installed: flags and their values were not checked"
    ]
    assert "`paddock engine build`" in stable.warnings[0].hint


def test_an_empty_file_is_an_empty_stable(yard):
    assert yard.load("").profiles == {}
    assert yard.load("# nothing yet\n[*]\njinja = on\n").profiles == {}


def test_load_says_how_many_problems_there_are_and_names_them_all(yard):
    yard.write("[p]\nMODEL = m.gguf\nctx-sise = 5\nttl = soon\n")
    with pytest.raises(ConfigError) as raised:
        load(yard.path, flags_for=flags_of_the_build)
    assert raised.value.message == f"{yard.path}: 2 problems"
    assert [line.split(": ", 1)[1] for line in raised.value.detail] == [
        "[p] unknown key 'ctx-sise' (did you mean 'ctx-size'?)",
        "[p] ttl takes seconds, such as 600, or 10m or 2h, not 'soon'",
    ]
