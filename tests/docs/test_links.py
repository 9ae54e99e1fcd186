"""Every link inside the tree leads to something that is there."""

import re

import pytest

from tests.docs.pages import NAMES, PAGES, ROOT, text

LINK = re.compile(r"\]\(([^)\s]+)\)")
OUTWARD = ("http://", "https://", "mailto:")


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_to_a_file(name: str) -> None:
    links = [link for link in LINK.findall(text(name)) if not link.startswith(OUTWARD)]
    for link in links:
        path, _, heading = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        assert not heading or heading in _headings(target.read_text(encoding="utf-8")), link


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(text("docs/README.md"))}
    assert set(PAGES) - {index} <= linked


def _headings(page: str) -> set[str]:
    """As the anchors that forges make of them."""
    found = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}
