"""A real browser: a Chromium that is here already, without a window, in which every name leads here."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def chromium(*names: str) -> Iterator[Any]:
    """A browser in the block, to which these names are 127.0.0.1; the test is skipped without one."""
    api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("NO CHROMIUM IS HERE: what a browser does is not tested (apt install chromium)")
    resolver = ", ".join(f"MAP {name} 127.0.0.1" for name in names)
    flags = ["--no-sandbox", f"--host-resolver-rules={resolver}"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            browser.close()
