"""No rule without a heading in the manual and a test of its own; and the order of the list."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.api.placement import Plan
from paddock.config.profile import Problem
from paddock.daemon.reports import stale_tunings
from paddock.placement.advice import CODES, advice_of, checkup
from paddock.placement.examination import plans_for_gpus, with_small_batch
from paddock.placement.profile_facts import MachineFacts
from tests.placement.clinic import Clinic

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ADVICE = PAGE[PAGE.index("\n## What check and doctor find") :]
TESTS = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("placement", "config", "cli", "daemon")
    for path in sorted((ROOT / "tests" / folder).glob("test_*.py"))
)
ALL_CODES = (*CODES, stale_tunings.CODE)  # the last by the daemon, which has the history


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


@pytest.mark.parametrize("code", ALL_CODES)
def test_every_code_has_its_heading(code: str):
    assert f"\n### `{code}`\n" in ADVICE


def test_every_heading_is_of_a_code():
    assert set(re.findall(r"^### `([\w-]+)`$", ADVICE, re.MULTILINE)) == set(ALL_CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_test(code: str):
    assert f'"{code}"' in TESTS


def test_no_two_rules_share_a_code():
    assert len(CODES) == len(set(CODES))


def test_what_reading_models_conf_finds_is_reported_as_advice():
    file = Problem("warning", "no such file", "h", "c", 7, "p", "MODEL", "file", "missing-file")
    advice = advice_of(file)
    assert (advice.code, advice.severity, advice.profile, advice.line, advice.hint) == (
        ("missing-file", "error", "p", 7, "h")
    )
    shared = advice_of(Problem("error", "no `=`", section="*", line=2))
    assert (shared.code, shared.severity, shared.profile) == ("models-conf", "error", "")
    assert shared.message == "[*] no `=`"


def test_the_machine_comes_first_and_then_profile_by_profile_what_is_worst(clinic: Clinic):
    a = replace(clinic.facts("SPEED = 100\nFLASH_ATTN = off\nctv = q8_0"), generation=50.0)
    b = replace(a, profile=replace(a.profile, id="b"))
    problems = [Problem("warning", "x", section="b"), Problem("warning", "y", section="new")]
    machine = MachineFacts(environ={"LLAMA_ARG_FIT": "off"})
    listed = checkup(problems, [b, a], machine)
    assert [(one.profile, one.severity) for one in listed] == [
        ("", "info"),
        ("b", "error"),
        ("b", "warning"),
        ("b", "warning"),
        ("p", "error"),
        ("p", "warning"),
        ("new", "warning"),
    ]


def test_a_profile_that_keeps_away_from_gpus_says_nothing_of_an_engine(clinic: Clinic):
    plan = Plan(profile="p", source="engine", fits=True)
    near, far = clinic.facts(), clinic.facts("device = none")
    assert plans_for_gpus([replace(near, plan=plan), replace(far, plan=plan)]) == (plan,)


def test_only_a_batch_that_is_large_has_a_small_one(clinic: Clinic):
    assert with_small_batch(clinic.profile("ub = 512")) is None
    small = with_small_batch(clinic.profile("ub = 2048\nc = 4096"))
    assert small
    assert small.flag("--ubatch-size") is None
    assert small.ctx_size == 4096
