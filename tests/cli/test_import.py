"""`paddock import`: from other programs' files to a models.conf that passes, loads and answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from paddock.config.profile import Profile
from paddock.config.settings import Paths, load_settings
from paddock.llama.scripted import write
from tests.cli.conftest import Paddock
from tests.cli.test_init import profiles as read_profiles
from tests.importing.stores import Ollama, hugging_face, llama_swap, say, wrapper
from tests.yard import yard


@pytest.fixture
def usual(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "paddock" / "models.conf"


def notes(effective: str) -> dict[str, str]:
    """Each note's reason by the end of its place."""
    found: dict[str, str] = {}
    for one in json.loads(effective)["notes"]:
        reason = f"{one['what']}: {one['why']}".removeprefix(": ")
        found[one["where"]] = f"{found.get(one['where'], '')}; {reason}".lstrip("; ")
    return found


def why(found: dict[str, str], *words: str) -> str:
    """The reasons of all places, or reasons, that hold these words."""
    lines = [f"{where}: {reason}" for where, reason in found.items()]
    return "\n".join(line for line in lines if all(word in line for word in words))


def accepted(paddock: Paddock, usual: Path) -> dict[str, Profile]:
    checked = json.loads(paddock("check", "--json").out)
    assert [p for p in checked["problems"] if p["severity"] == "error" or p["kind"]] == []
    assert checked["ok"]
    return _all(usual)


def _all(conf: Path) -> dict[str, Profile]:
    from paddock.config.models_conf import load
    from paddock.engine.locate import find_engine
    from tests.cli.test_init import _engine

    engine = find_engine(_engine(), cache_dir=conf.parent / "engines")
    chosen = load_settings(conf.with_name("paddock.toml"), {}).models_dir
    folder = Path(chosen) if chosen else None
    return dict(load(conf, models_dir=folder, flags_for=lambda _: engine.flags).profiles)


async def answers(conf: Path, tmp_path: Path, sentences: dict[str, str]) -> None:
    """A real daemon serves the file."""
    settings = load_settings(conf.with_name("paddock.toml"), {})
    chosen = settings.models_dir
    state = tmp_path / "daemon"
    paths = Paths(
        config=conf,
        settings=conf.with_name("paddock.toml"),
        models_dir=Path(chosen) if chosen else conf.parent / "models",
        state_dir=state,
        runtime_dir=state / "run",
    )
    async with yard(paths, max_instances=1, engines=settings.engines) as daemon:
        for model, sentence in sentences.items():
            assert await daemon.answer(model, max_tokens=40) == sentence


# ---- Ollama ----


@pytest.fixture
def store(tmp_path: Path) -> Ollama:
    store = Ollama(tmp_path / ".ollama" / "models")
    small = store.model(say("small"))
    params = {"temperature": 0.6, "top_k": 20, "num_ctx": 1024, "stop": ["<|end|>"], "odd": 1}
    small_layers: dict[str, Any] = {
        "model": small,
        "params": params,
        "system": b"You are",
        "license": b"MIT",
    }
    store.manifest("registry.ollama.ai/library/small/latest", **small_layers)
    store.manifest("registry.ollama.ai/library/small/1b", **small_layers)
    store.manifest("hf.co/acme/Big-GGUF/Q8_0", family="gemma3", model=store.model(say("big")))
    store.manifest("registry.ollama.ai/library/nomic-embed/latest", model=store.model(say("nomic")))
    store.manifest("registry.ollama.ai/library/cloud/120b")
    store.manifest("registry.ollama.ai/me/lost/latest", model=f"sha256:{'0' * 64}")
    return store


def test_each_manifest_of_ollama_becomes_a_profile_with_its_parameters(
    paddock: Paddock, store: Ollama, usual: Path
) -> None:
    made = paddock("import", "ollama", "--json")
    assert made.status == 0, made.err
    found = accepted(paddock, usual)
    assert sorted(found) == ["hf.co/acme/Big-GGUF:Q8_0", "nomic-embed:latest", "small:1b"]
    small = found["small:1b"]
    assert sorted(small.aliases) == ["small", "small:latest"]
    effective = {flag.name: flag.values for flag in small.flags}
    assert effective["--temperature"] == ("0.6",)
    assert effective["--top-k"] == ("20",)
    assert small.ctx_size == 1024
    assert small.model is not None
    assert small.model.parent == store.root / "blobs"
    assert "--embeddings" in found["nomic-embed:latest"].argv


def test_what_ollama_has_and_llama_server_has_not_is_reported(
    paddock: Paddock, store: Ollama
) -> None:
    found = notes(paddock("import", "ollama", "--json").out)
    assert "no flag of llama-server" in why(found, "small:1b stop")
    assert "no such flag" in why(found, "small:1b odd")
    assert "the client's to send" in why(found, "small:1b system")
    assert "holds no GGUF" in why(found, "cloud:120b")
    assert "cannot be read" in why(found, "me/lost:latest")
    assert "Ollama's own patches" in why(found, "hf.co/acme/Big-GGUF:Q8_0")


async def test_ollamas_blobs_load_and_answer(
    paddock: Paddock, store: Ollama, usual: Path, tmp_path: Path
) -> None:
    paddock("import", "ollama", store.root)
    sentences = {"small": "I am small.", "hf.co/acme/Big-GGUF:Q8_0": "I am big."}
    await answers(usual, tmp_path, sentences)


# ---- llama-swap ----


def test_llama_swaps_commands_become_keys(paddock: Paddock, usual: Path, tmp_path: Path) -> None:
    made = paddock("import", "llama-swap", llama_swap(tmp_path), "--json")
    assert made.status == 0, made.err
    found = accepted(paddock, usual)
    assert sorted(found) == ["one", "relative:8b"]
    one = found["one"]
    effective = {flag.name: flag.values for flag in one.flags}
    assert one.title == "The one"
    assert sorted(one.aliases) == ["fancy", "gpt-4o-mini", "uno"]
    assert (one.ttl, one.preload, one.client_samplers) == (60, True, ())
    assert one.ctx_size == 1024
    assert effective["--temperature"] == ("0.7",)
    assert effective["--load-mode"] == ("none",)
    assert effective["--threads"] == ("2",)
    assert json.loads(effective["--chat-template-kwargs"][0]) == {"enable_thinking": False}
    assert "--port" not in effective
    other = found["relative:8b"]
    assert (other.hidden, other.concurrency, other.ttl) == (True, 3, 600)
    assert other.model == tmp_path / "one.gguf"
    assert "--no-jinja" in other.argv
    assert {f.name: f.values for f in other.flags}["--n-gpu-layers"] == ("auto",)


def test_what_only_llama_swap_can_is_reported_with_its_line(
    paddock: Paddock, tmp_path: Path
) -> None:
    found = notes(paddock("import", "llama-swap", llama_swap(tmp_path), "--json").out)
    assert "config.yaml:3 apiKeys" in found
    assert why(found, "models.docker", "/models/x.gguf", "no such file")
    assert "runs vllm" in why(found, "models.vllm.cmd")
    assert why(found, "engine llama-gpu0", "there is no program /opt/llama/llama-server")
    assert why(found, "setParams")
    assert why(found, "groups", "by memory")
    assert why(found, "metadata")
    assert why(found, "relative:8b", "alias 'fancy'")
    assert why(found, "relative:8b", "`auto` now")
    assert "sk-secret" not in str(found)


def test_everything_that_is_wrong_in_a_command_is_reported(
    paddock: Paddock, tmp_path: Path
) -> None:
    shown = paddock("import", "llama-swap", llama_swap(tmp_path)).out
    for words in ("unknown flag '--nonsense'", "--nonsense 4", "--api-key", "given twice"):
        assert words in shown


async def test_llama_swaps_model_loads_and_answers(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    config = llama_swap(tmp_path)
    config.write_text(config.read_text().replace("--lora-scaled x.gguf:1 ", ""))
    paddock("import", "llama-swap", config)
    await answers(usual, tmp_path, {"gpt-4o-mini": "I am one."})


def test_a_model_file_that_check_would_refuse_is_left_as_comments_with_the_reason(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    write(tmp_path / "good.gguf", say("good"))
    whole = (tmp_path / "good.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    config = tmp_path / "config.yaml"
    start = f"llama-server -c 512 -np 1 -m {tmp_path}"
    config.write_text(
        "models:\n"
        f"  good: {{cmd: '{start}/good.gguf'}}\n"
        f"  # half of it came\n  cut: {{cmd: '{start}/cut.gguf --mmproj {tmp_path}/good.gguf'}}\n"
        f"  odd: {{cmd: '{start}/good.gguf --mmproj {tmp_path}/good.gguf'}}\n"
    )
    made = paddock("import", "llama-swap", config, "--json")
    assert made.status == 0, made.err
    # Without the projector that was refused, `odd` is another name for the same instance.
    assert sorted(accepted(paddock, usual)) == ["good"]
    assert "[odd]\nvariant-of = good\n" in usual.read_text()
    found = notes(made.out)
    assert why(found, "[cut]", "cut.gguf")
    assert why(found, "mmproj", "not a projector")
    assert "# half of it came\n# [cut]\n" in usual.read_text()


# ---- engines that are named ----


def _swap_with_environments(folder: Path) -> Path:
    """Two models on the default program, one of them with an environment of its own."""
    write(folder / "one.gguf", say("one"))
    config = folder / "config.yaml"
    config.write_text(
        "models:\n"
        f"  here: {{cmd: 'llama-server -m {folder}/one.gguf -c 512 -np 1'}}\n"
        f"  there: {{cmd: 'env MARK=seen llama-server -m {folder}/one.gguf -c 512 -np 1'}}\n"
    )
    return config


def test_a_paddock_toml_that_is_there_keeps_what_it_has_and_gets_the_engines(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    usual.parent.mkdir(parents=True)
    settings = usual.with_name("paddock.toml")
    settings.write_text('# mine\nlisten = "127.0.0.1:9999"  # not the usual one\n')
    made = paddock("import", "llama-swap", _swap_with_environments(tmp_path))
    assert f"engines in {settings}: llama-server-env" in made.out
    assert "models-dir is" not in made.out
    text = settings.read_text()
    assert text.startswith('# mine\nlisten = "127.0.0.1:9999"  # not the usual one\n')
    (name,) = load_settings(settings, {}).engines
    assert load_settings(settings, {}).engines[name].env == {"MARK": "seen"}
    found = accepted(paddock, usual)
    assert (found["here"].engine, found["there"].engine) == (None, name)


def test_an_import_anew_finds_its_engines_and_adds_none(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    config = _swap_with_environments(tmp_path)
    assert paddock("import", "llama-swap", config).status == 0
    before = usual.with_name("paddock.toml").read_text()
    again = paddock("import", "llama-swap", config, "--force")
    assert again.status == 0, again.err
    assert usual.with_name("paddock.toml").read_text() == before
    accepted(paddock, usual)


def test_a_dry_run_shows_what_paddock_toml_would_get_and_writes_nothing(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    dry = paddock("import", "llama-swap", _swap_with_environments(tmp_path), "--dry-run")
    assert 'MARK = "seen"' in dry.err
    assert not usual.parent.exists()


async def test_a_model_with_an_environment_of_its_own_loads_and_answers(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    assert paddock("import", "llama-swap", _swap_with_environments(tmp_path)).status == 0
    await answers(usual, tmp_path, {"there": "I am one.", "here": "I am one."})


async def test_what_a_script_starts_loads_and_answers(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    (tmp_path / "box" / "models").mkdir(parents=True)
    write(tmp_path / "box" / "models" / "one.gguf", say("one"))
    script = tmp_path / "box" / "start.sh"
    script.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"\nWINDOW=512\n'
        "exec llama-server -m models/one.gguf -c $WINDOW -np 1 --alias bird --port 8080\n"
    )
    made = paddock("import", "wrapper", script)
    assert made.status == 0, made.err
    await answers(usual, tmp_path, {"bird": "I am one."})


def test_a_folder_that_starts_nothing_says_what_was_read(paddock: Paddock, tmp_path: Path) -> None:
    (tmp_path / "hello.sh").write_text("#!/bin/sh\necho hello\n")
    refused = paddock("import", "wrapper", tmp_path)
    assert refused.status == 1
    assert "starts a llama-server" in refused.err
    assert "hello.sh" in refused.err


# ---- a wrapper ----


def test_a_wrappers_file_is_healed_and_keeps_its_comments(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    folder = wrapper(tmp_path / "docker")
    made = paddock("import", "wrapper", folder, "--json")
    assert made.status == 0, made.err
    found, text = accepted(paddock, usual), usual.read_text()
    assert sorted(found) == ["alpha", "beta", "quoted"]
    json_one = text.partition("[json]\n")[2].partition("[")[0]  # of the same file as [quoted]
    assert json_one.startswith("variant-of = quoted\n")
    assert 'chat-template-kwargs = {"enable_thinking":false}\n' in json_one
    assert "# === My models ===\n# [section] is a model.\n" in text
    assert "# Fast; 128K natively.\n[alpha]\n" in text
    assert "# COLOUR = blue\n" in text
    alpha, beta = found["alpha"], found["beta"]
    effective = {flag.name: flag.values for flag in alpha.flags}
    assert alpha.ctx_size == 1024
    assert effective["--n-gpu-layers"] == ("auto",)
    assert effective["--fit-target"] == ("1024",)
    assert effective["--chat-template-file"] == (str(folder / "templates" / "t.jinja"),)
    assert beta.ctx_size == 512
    settings = load_settings(usual.with_name("paddock.toml"), {})
    assert settings.engines[alpha.engine or ""].env == {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert beta.engine == alpha.engine
    assert beta.model == folder / "models" / "beta.gguf"
    effective = {flag.name: flag.values for flag in beta.flags}
    assert effective["--n-gpu-layers"] == ("99",)
    assert effective["--override-tensor"] == (r"blk\.([0-9]|1[01])\.=CPU",)
    assert effective["--load-mode"] == ("none",)


def test_what_was_healed_or_lost_in_a_wrapper_is_reported(paddock: Paddock, tmp_path: Path) -> None:
    found = notes(paddock("import", "wrapper", wrapper(tmp_path / "docker"), "--json").out)
    assert "`auto` now" in why(found, "models.conf:9 [alpha] N_GPU_LAYERS")
    assert "unknown key 'COLOUR'" in why(found, "COLOUR")
    assert why(found, "[gone]", "no such file")
    assert why(found, "[alpha]", "was already given")
    assert "a variant" in why(found, "[json]")
    assert why(found, "[quoted] EXTRA_ARGS", "would have expanded $H")
    assert why(found, ".env", "not used")
    assert why(found, "docker-compose.yml:4 services.llama-server.ports")


async def test_a_wrappers_model_loads_and_answers(
    paddock: Paddock, usual: Path, tmp_path: Path
) -> None:
    paddock("import", "wrapper", wrapper(tmp_path / "docker"))
    await answers(usual, tmp_path, {"quoted": "I am alpha."})


# ---- folders ----


async def test_hugging_faces_cache_and_lm_studios_folder_are_found_and_answer(
    paddock: Paddock, usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    hugging_face(tmp_path / ".cache" / "huggingface" / "hub", say("thing"))
    assert paddock("import", "hf-cache").status == 0
    await answers(usual, tmp_path, {"thing-7b-q8_0": "I am thing."})
    studio = tmp_path / ".lmstudio" / "models" / "acme" / "Vision-4B-GGUF"
    studio.mkdir(parents=True)
    write(studio / "Vision-4B-Q8_0.gguf", say("vision"))
    other = tmp_path / "other"
    other.mkdir()
    assert paddock("import", "lmstudio", "--output", other).status == 0
    await answers(other / "models.conf", tmp_path, {"vision-4b-q8_0": "I am vision."})


def test_a_folder_is_what_init_makes_of_it(paddock: Paddock, usual: Path, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    write(tmp_path / "files" / "a.gguf", say("a"))
    shown = paddock("import", "dir", tmp_path / "files", "--dry-run")
    assert "[a]\n" in shown.out
    assert not usual.exists()
    assert paddock("import", "dir", tmp_path / "files").status == 0
    assert list(read_profiles(usual)) == ["a"]


# ---- what all share ----


def test_nothing_is_overwritten_and_a_dry_run_writes_nothing(
    paddock: Paddock, store: Ollama, usual: Path
) -> None:
    dry = paddock("import", "ollama", "--dry-run")
    assert dry.status == 0
    assert "[small:1b]\n" in dry.out
    assert "no flag of llama-server" in dry.err
    assert not usual.exists()
    usual.parent.mkdir(parents=True)
    usual.write_text("# mine\n")
    refused = paddock("import", "ollama")
    assert refused.status == 1
    assert "is there already" in refused.err
    assert usual.read_text() == "# mine\n"
    assert paddock("import", "ollama", "--force").status == 0
    assert usual.with_name("models.conf.bak").read_text() == "# mine\n"


@pytest.mark.parametrize("source", ["ollama", "hf-cache", "lmstudio"])
def test_where_nothing_is_the_exit_status_is_1(
    paddock: Paddock, tmp_path: Path, usual: Path, source: str
) -> None:
    (tmp_path / "empty").mkdir()
    refused = paddock("import", source, tmp_path / "empty")
    assert (refused.status, refused.out) == (1, "")
    assert not usual.exists()


@pytest.mark.parametrize(
    "source", ["wrapper", "ollama", "llama-swap", "dir", "hf-cache", "lmstudio"]
)
def test_each_source_explains_itself(paddock: Paddock, source: str) -> None:
    shown = paddock("import", source, "--help").out
    assert f"Usage: paddock import {source}" in shown
    assert f"Example: paddock import {source}" in shown
