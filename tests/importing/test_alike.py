"""Profiles of one file that a request alone could tell apart: which become variants, and which stay."""

from pathlib import Path

import pytest

from paddock.config.models_conf import read_as
from paddock.importing.alike import with_variants
from paddock.importing.page import Page, PageLine
from tests.config.stables import FLAGS

BASE = "[think]\nMODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja --temp 1.0 --top-p 0.95\n"


def converted(text: str, folder: Path) -> tuple[Page, str]:
    """The page that comes of it, and what `check` would refuse in that."""
    page = Page([PageLine(line) for line in text.splitlines()])
    stable, problems = read_as(text, folder / "models.conf", flags_for=lambda _: FLAGS)
    assert stable, problems
    new = with_variants(page, stable)
    again, problems = read_as(new.text, folder / "models.conf", flags_for=lambda _: FLAGS)
    return new, "" if again else str(problems)


@pytest.mark.parametrize(
    ("section", "becomes"),
    [
        (
            "[code]\n# cooler\nNAME = Code\nSPEED = 9\nMODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja --temp 0.6 --top-p 0.95\n",
            "[code]\nvariant-of = think\n# cooler\nNAME = Code\n# SPEED = 9\ntemp = 0.6",
        ),
        (
            "[bench-x]\nMODEL = a.gguf\nc = 4096\njinja = on\ntemp = 1.0\ntop-p = 0.9\ntop-k = 20\nreasoning-budget = 0\n",
            "[bench-x]\nvariant-of = think\ntop-p = 0.9\ntop-k = 20\nreasoning-budget = 0",
        ),
        (
            """[off]\nMODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja --temp 1.0 --top-p 0.95 --chat-template-kwargs '{"enable_thinking": false}'\n""",
            """[off]\nvariant-of = think\nchat-template-kwargs = {"enable_thinking": false}""",
        ),
    ],
)
def test_what_only_a_request_would_say_becomes_a_variant(
    tmp_path: Path, section: str, becomes: str
) -> None:
    page, wrong = converted(f"{BASE}\n{section}", tmp_path)
    assert page.text == f"{BASE}\n{becomes}\n"
    assert wrong == ""
    [note] = page.notes
    assert (note.kind, note.what.endswith("of [think]")) == ("changed", True)


@pytest.mark.parametrize(
    "section",
    [
        "MODEL = a.gguf\nCTX_SIZE = 8192\nEXTRA_ARGS = --jinja --temp 0.6 --top-p 0.95",
        "MODEL = b.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja --temp 0.6 --top-p 0.95",
        "MODEL = a.gguf\nCTX_SIZE = 4096\nttl = 5m\nEXTRA_ARGS = --jinja --temp 0.6 --top-p 0.95",
        "MODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja --temp 1.0 --top-p 0.95",  # the same
    ],
)
def test_what_is_another_instance_or_the_same_stays(tmp_path: Path, section: str) -> None:
    text = f"{BASE}\n[other]\n{section}\n"
    page, _ = converted(text, tmp_path)
    assert (page.text, page.notes) == (text, [])


def test_the_profile_that_says_least_is_the_one_that_runs(tmp_path: Path) -> None:
    plain = "[plain]\nMODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja\n"
    page, wrong = converted(f"{BASE}\n{plain}", tmp_path)
    assert "[think]\nvariant-of = plain\ntemp = 1.0\ntop-p = 0.95\n" in page.text
    assert wrong == ""


def test_settings_that_a_variant_could_not_take_back_keep_both(tmp_path: Path) -> None:
    other = (
        "[other]\nMODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja --temp 0.5 --min-p 0.1\n"
    )
    page, _ = converted(f"{BASE}\n{other}", tmp_path)
    assert "variant-of" not in page.text
