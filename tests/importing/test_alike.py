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
    ],
)
def test_what_is_another_instance_stays(tmp_path: Path, section: str) -> None:
    text = f"{BASE}\n[other]\n{section}\n"
    page, _ = converted(text, tmp_path)
    assert (page.text, page.notes) == (text, [])


def test_the_profile_that_says_least_is_the_one_that_runs(tmp_path: Path) -> None:
    plain = "[plain]\nMODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja\n"
    page, wrong = converted(f"{BASE}\n{plain}", tmp_path)
    assert "[think]\nvariant-of = plain\ntemp = 1.0\ntop-p = 0.95\n" in page.text
    assert wrong == ""


def test_twins_are_one_instance_with_two_names(tmp_path: Path) -> None:
    page, wrong = converted(
        f"{BASE}\n[twin]\nNAME = Twin\n{BASE.partition(']')[2].strip()}\n", tmp_path
    )
    assert page.text == f"{BASE}\n[twin]\nvariant-of = think\nNAME = Twin\n"
    assert wrong == ""
    [note] = page.notes
    assert "the same settings" in note.why


def test_a_hidden_profile_is_the_base_only_where_all_are(tmp_path: Path) -> None:
    plain = "MODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja --temp 1.0 --top-p 0.95\n"
    first, wrong = converted(f"[bench-a]\n{plain}\n[think]\n{plain}", tmp_path)
    assert "[bench-a]\nvariant-of = think\n" in first.text
    less, _ = converted(
        f"[bench-a]\n{plain.replace(' --temp 1.0', '')}\n[think]\n{plain}", tmp_path
    )
    assert "variant-of" not in less.text
    both, _ = converted(f"[bench-a]\n{plain}\n[bench-b]\n{plain}", tmp_path)
    assert "[bench-b]\nvariant-of = bench-a\n" in both.text
    assert wrong == ""


@pytest.mark.parametrize("key", ["temp", "temperature"])
def test_a_setting_keeps_the_key_that_the_file_has(tmp_path: Path, key: str) -> None:
    one = f"MODEL = a.gguf\n{key} = "
    page, wrong = converted(f"[a]\n{one}1.0\n\n[b]\n{one}0.6\n", tmp_path)
    assert page.text == f"[a]\n{one}1.0\n\n[b]\nvariant-of = a\n{key} = 0.6\n"
    assert wrong == ""


@pytest.mark.parametrize(
    ("other", "unsaid"),
    [
        ("--temp 0.5 --min-p 0.1", "top-p"),
        ("--min-p 0.1 --top-k 5 --xtc-threshold 0.1", "temp, top-p"),
        ("""--temp 0.5 --top-p 0.9 --chat-template-kwargs '{"a": 1'""", "chat-template-kwargs"),
        ("--temp 0.5 --top-p 0.9 --reasoning auto", "reasoning"),
    ],
)
def test_what_a_variant_could_not_take_back_is_named_where_both_stay(
    tmp_path: Path, other: str, unsaid: str
) -> None:
    text = f"{BASE}\n[other]\nMODEL = a.gguf\nCTX_SIZE = 4096\nEXTRA_ARGS = --jinja {other}\n"
    page, _ = converted(text, tmp_path)
    assert page.text == text
    [note] = page.notes
    assert note.kind == "look"
    assert f" leaves out {unsaid} of [" in note.what
