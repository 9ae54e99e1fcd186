"""`paddock check` and `paddock doctor`, with a daemon and without one."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from paddock.api.placement import Checkup
from paddock.llama.scripted import ScriptedModel, write
from tests.cli.conftest import Paddock
from tests.placement.clinic import DENSE
from tests.rig import needs_rig, rig
from tests.yard import places, process

GOOD = "[*]\nctx-size = 1024\nparallel = 1\n[alpha]\nMODEL = alpha.gguf\naliases = first\n"
DOUBTFUL = "[beta]\nMODEL = alpha.gguf\nEXTRA_ARGS = -c 512 -c 768\n"
BAD = "[bad]\nMODEL = alpha.gguf\nFLASH_ATTN = off\nKV_CACHE_TYPE_V = q8_0\n"


@pytest.fixture
def conf(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models.conf beside the tests' models, in an environment that sets no flags."""
    for name in [name for name in os.environ if name.startswith("LLAMA_ARG_")]:
        monkeypatch.delenv(name)
    (tmp_path / "models").symlink_to(models)
    file = tmp_path / "models.conf"
    file.write_text(GOOD)
    return file


# ---- check ----


def test_the_check_reads_the_headers_of_the_files_too(paddock: Paddock, conf: Path) -> None:
    conf.write_text(GOOD + BAD + "[broken]\nMODEL = broken.gguf\n")
    result = paddock("check", conf)
    assert result.status == 1
    assert f"error: {conf}:10: [bad] a V cache of q8_0 needs flash attention" in result.out
    assert f"error: {conf}:12: [broken] MODEL: " in result.out
    assert "broken.gguf is truncated: it has " in result.out
    assert " says: error loading model: tensor" in result.out
    assert "3 profiles, 3 errors, no warnings" in result.out


def test_a_remark_does_not_fail_the_check(paddock: Paddock, conf: Path, models: Path) -> None:
    big = write(conf.parent / "big.gguf", ScriptedModel(say="Hi.", vocab=50_000))
    conf.write_text(f"[p]\nMODEL = {big}\nub = 2048\n")
    result = paddock("check", conf, "--json")
    printed = json.loads(result.out)
    assert (result.status, printed["ok"], printed["problems"]) == (0, True, [])
    assert [(one["code"], one["severity"]) for one in printed["advice"]] == [
        ("large-ubatch", "info")
    ]


# ---- doctor, without a daemon ----


def test_nothing_to_improve(paddock: Paddock, conf: Path) -> None:
    result = paddock("doctor", "--config", conf)
    assert (result.status, result.out, result.err) == (0, "nothing to improve\n", "")


def test_without_a_daemon_the_doctor_looks_here_and_says_so(paddock: Paddock, conf: Path) -> None:
    usual = conf.parent / ".config" / "paddock"
    usual.mkdir(parents=True)
    (usual / "models.conf").write_text(GOOD)
    (usual / "models").symlink_to(conf.parent / "models")
    result = paddock("doctor")
    assert result.status == 0
    assert "no daemon answers at http://127.0.0.1:1; looking here" in result.err


def test_findings_are_grouped_with_their_hints_and_an_error_fails(
    paddock: Paddock, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.write_text(GOOD + DOUBTFUL + BAD)
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "99")
    result = paddock("doctor", "--config", conf)
    assert result.status == 1
    lines = result.out.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "this machine, and all profiles",
        "beta",
        "bad",
        "1 error, 1 warning; docs/troubleshooting.md explains each [code]",
    ]
    assert "LLAMA_ARG_CTX_SIZE (CTX_SIZE) [environment-overrides]" in lines[1]
    beta = lines.index("beta")
    assert lines[beta + 1].startswith("  warning: line 9: --ctx-size is given twice: 768 counts")
    assert lines[beta + 2] == "      keep one of them"


def test_only_the_profiles_that_are_named_are_looked_at(paddock: Paddock, conf: Path) -> None:
    conf.write_text(GOOD + DOUBTFUL + BAD)
    assert paddock("doctor", "first", "--config", conf).out == "nothing to improve\n"
    printed = json.loads(paddock("doctor", "beta", "--config", conf, "--json").out)
    assert [(one["profile"], one["code"]) for one in printed["advice"]] == [
        ("beta", "duplicate-flag")
    ]
    result = paddock("doctor", "nobody", "--config", conf)
    assert result.status == 1
    assert "no profile 'nobody'" in result.err


def test_a_file_with_errors_is_reported_as_far_as_it_goes(paddock: Paddock, conf: Path) -> None:
    conf.write_text(GOOD + "[new]\nMODEL = alpha.gguf\nctx-sise = 5\n")
    result = paddock("doctor", "--config", conf)
    assert result.status == 1
    assert "line 9: unknown key 'ctx-sise' [unknown-flag]" in result.out


def test_an_engine_that_is_not_there_leaves_estimates(paddock: Paddock, conf: Path) -> None:
    result = paddock("doctor", "--config", conf, "--engine", "/no/such/llama-server")
    assert result.status == 1
    assert "[no-engine]" in result.out
    assert "`paddock engine build`" in result.out


@needs_rig
def test_on_devices_that_are_too_small_the_doctor_says_what_to_write(
    paddock: Paddock, conf: Path, tmp_path: Path
) -> None:
    model = write(tmp_path / "dense.gguf", DENSE)
    with rig(tmp_path, 400) as devices:
        text = f"[p]\n{devices.flag}threads = 1\nparallel = 1\nMODEL = {model}\nFIT_TARGET = 10\n"
        conf.write_text(f"{text}CTX_SIZE = 16384\n")
        result = paddock("doctor", "--config", conf)
        assert result.status == 0
        assert "[dense-in-ram]" in result.out
        line = result.out.split("write ")[1].split(" (")[0]
        assert line.startswith("CTX_SIZE = ")
        conf.write_text(f"{text}{line}\n")
        assert paddock("doctor", "--config", conf).out == "nothing to improve\n"


# ---- doctor, with a daemon ----


def test_a_daemon_is_asked_for_each_profile_and_the_machine_is_reported_once(
    paddock: Paddock, conf: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = places(conf.parent / "yard", GOOD.partition("parallel = 1\n")[2] + DOUBTFUL + BAD)
    (conf.parent / "yard" / "models").symlink_to(models)
    with process(paths) as daemon:
        monkeypatch.setenv("LLAMA_ARG_UBATCH", "64")  # of this terminal, not of the daemon
        result = paddock("doctor", "--url", daemon.url, "--json")
        one = paddock("doctor", "first", "--url", daemon.url, "--json")
    found = msgspec.json.decode(result.out, type=Checkup).advice
    assert result.status == 1
    assert [(one.profile, one.code) for one in found] == [
        ("", "environment-overrides"),
        ("beta", "duplicate-flag"),
        ("bad", "v-cache-without-flash-attention"),
    ]
    assert one.status == 0
    assert [a.code for a in msgspec.json.decode(one.out, type=Checkup).advice] == (
        ["environment-overrides"]
    )
