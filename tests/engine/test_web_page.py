"""llama-server's own web page, taken out of real engines."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.engine.locate import find_engine
from paddock.engine.web_page import PageFile, take
from paddock.errors import EngineError
from tests.yard import engine_command


async def test_an_engine_that_carries_it_gives_all_of_it(tmp_path: Path):
    page = await take(find_engine("embedded", cache_dir=tmp_path))
    assert b"<!doctype html>" in page["/"].plain()
    program = next(path for path in page if path.startswith("/_app/") and path.endswith(".js"))
    assert b"/models/load" in page[program].plain()
    assert {"/sw.js", "/manifest.webmanifest", "/build.json", "/favicon.svg"} <= set(page)
    assert page["/"].headers["Content-Type"].startswith("text/html")


@pytest.mark.native
async def test_one_that_was_built_without_it_gives_none(tmp_path: Path):
    if len(engine_command()) > 1:
        pytest.skip("the embedded engine carries it")
    assert await take(find_engine("native", cache_dir=tmp_path)) == {}


async def test_one_that_does_not_come_up_says_so(tmp_path: Path):
    engine = find_engine("embedded", cache_dir=tmp_path)
    with pytest.raises(EngineError, match="ended before"):
        await take(replace(engine, command=("false",)))
    with pytest.raises(EngineError, match="did not give"):
        await take(replace(engine, command=(str(tmp_path / "nothing"),)))


def test_a_file_is_given_plain_where_it_came_plain():
    assert PageFile(b"x", {}).plain() == b"x"
    assert PageFile(gzip.compress(b"x"), {"Content-Encoding": "gzip"}).plain() == b"x"
