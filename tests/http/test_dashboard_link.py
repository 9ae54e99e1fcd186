"""The link to the dashboard in llama-server's page."""

import gzip

import pytest

from paddock.engine.web_page import PageFile
from paddock.http.dashboard_link import linked

PLAIN = {"Content-Type": "text/html", "ETag": '"a"', "Cache-Control": "no-cache"}
HTML = b"<html><body><p>chat</p></body></html>"


@pytest.mark.parametrize("is_compressed", [True, False])
def test_the_page_gets_a_link_and_another_mark(is_compressed):
    headers = {**PLAIN, "Content-Encoding": "gzip"} if is_compressed else PLAIN
    index = PageFile(gzip.compress(HTML) if is_compressed else HTML, headers)
    other = PageFile(b"1", {})
    found = linked({"/": index, "/a.js": other})
    text = found["/"].plain()
    assert text.startswith(b"<html><body><p>chat</p>")
    assert text.count(b'href="/dashboard"') == 1
    assert text.endswith(b"</body></html>")
    assert found["/"].headers["ETag"] != '"a"'
    assert found["/"].headers["Cache-Control"] == "no-cache"
    assert found["/a.js"] is other


@pytest.mark.parametrize("page", [{}, {"/": PageFile(b"{}", PLAIN)}, {"/a.js": PageFile(b"", {})}])
def test_a_page_that_is_not_as_we_know_it_stays_as_it_is(page):
    assert linked(page) == page
