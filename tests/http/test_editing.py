"""models.conf edited over HTTP: a real daemon, without any load."""

import asyncio
import io
import json
import shutil
import stat
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.yard import Yard, places, yard

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONF = "# ours, with é and ünï\n[a]\nmodel = {model}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(tmp_path_factory: pytest.TempPathFactory, models: Path) -> AsyncIterator[Yard]:
    async with opened(tmp_path_factory.mktemp("editing"), models) as here:
        yield here


@pytest_asyncio.fixture(loop_scope="module")
async def home(daemon: Yard, models: Path) -> Yard:
    """The one daemon, with its file as it was and nothing kept."""
    daemon.paths.config.unlink(missing_ok=True)
    places(daemon.paths.config.parent, CONF.format(model=models / "alpha.gguf"))
    kept = daemon.paths.state_dir / "earlier-configs"
    shutil.rmtree(kept) if kept.is_dir() else kept.unlink(missing_ok=True)
    await daemon.daemon.reload()
    return daemon


def opened(root: Path, models: Path, **settings: Any) -> Any:
    paths = places(root / "yard", CONF.format(model=models / "alpha.gguf"))
    return yard(paths, plan_ahead=False, **settings)


async def call(home: Yard, method: str, path: str, **body: Any) -> tuple[int, Any]:
    content = io.BytesIO(json.dumps(body).encode())
    async with home.http.request(method, home.url + path, data=content) as reply:
        return reply.status, await reply.json()


async def write(home: Yard, text: str, based_on: str | None = None) -> tuple[int, Any]:
    now = (await home.get("/config"))["fingerprint"]
    return await call(
        home, "PUT", "/config", text=text, based_on=now if based_on is None else based_on
    )


def ids(home: Yard) -> list[str]:
    return list(home.daemon.roster.stable.profiles)


async def test_a_text_is_read_checked_previewed_written_and_taken_back(home: Yard, models: Path):
    file, before = home.paths.config, home.paths.config.read_bytes()
    async with home.http.get(home.url + "/config") as reply:
        found = await reply.json()
        assert reply.headers["ETag"] == f'"{found["fingerprint"]}"'
    assert (found["text"].encode(), found["fingerprint"]) == (before, sha256(before).hexdigest())
    assert "read_only" not in found
    text = (
        found["text"] + f"\n  ; kept as typed\t\n[b]\nmodel = {models / 'beta.gguf'}\nctx-size=2048"
    )
    _, seen = await call(home, "POST", "/config/preview", text=text)
    assert seen["check"]["ok"]
    assert seen["changes"] == {"added": ["b"]}
    assert [line[0] for line in seen["difference"]] == ["@", " ", " ", " ", *"+++++"]
    [plan] = seen["plans"]
    assert (plan["profile"], plan["after"]["source"], plan["after"]["n_ctx"]) == (
        "b",
        "estimate",
        2048,
    )
    assert file.read_bytes() == before
    status, written = await write(home, text)
    assert (status, written["changes"]["added"]) == (200, ["b"])
    assert file.read_bytes() == text.encode()
    assert ids(home) == ["a", "b"]
    [earlier] = (await home.get("/config"))["earlier"]
    assert earlier["fingerprint"] == found["fingerprint"]
    _, undone = await call(home, "POST", "/config/preview", earlier=earlier["fingerprint"])
    assert undone["changes"] == {"removed": ["b"]}
    status, _ = await call(home, "POST", "/config/undo", based_on=written["fingerprint"])
    assert (status, file.read_bytes(), ids(home)) == (200, before, ["a"])
    status, _ = await call(home, "POST", "/config/undo", based_on=found["fingerprint"])
    assert (status, file.read_bytes()) == (200, text.encode()), "and that is taken back as well"


async def test_what_was_changed_meanwhile_is_not_written_over(home: Yard):
    found = await home.get("/config")
    await write(home, found["text"] + "# first\n")
    theirs = found["text"] + "# by hand\n"
    home.paths.config.write_text(theirs)
    body = {"text": "[*]\n", "based_on": found["fingerprint"]}
    for method, path in (("PUT", "/config"), ("POST", "/config/undo")):
        async with home.http.request(method, home.url + path, json=body) as reply:
            refusal = await reply.json()
            assert (reply.status, refusal["error"]["code"]) == (409, "config_changed")
            assert reply.headers["ETag"] == f'"{sha256(theirs.encode()).hexdigest()}"'
    assert home.paths.config.read_text() == theirs


async def test_a_draft_with_errors_has_their_lines_and_is_not_written(home: Yard):
    text = home.paths.config.read_text()
    draft = text + "ctx-sise = 5\n[b]\nmodel = none.gguf\n"
    line = draft[: draft.index("ctx-sise")].count("\n") + 1
    _, found = await call(home, "POST", "/config/check", text=draft)
    wrong, gone = found["problems"]
    assert not found["ok"]
    assert (wrong["severity"], wrong["line"], wrong["section"]) == ("error", line, "a")
    assert wrong["hint"] == "did you mean 'ctx-size'?"
    assert (gone["severity"], gone["code"], gone["line"]) == ("warning", "missing-file", line + 2)
    status, refusal = await write(home, draft)
    assert (status, refusal["error"]["code"]) == (409, "config_invalid")
    assert "ctx-sise" in refusal["error"]["log"][0]
    assert home.paths.config.read_text() == text
    status, _ = await write(home, draft.replace("ctx-sise", "ctx-size"))
    assert (status, ids(home)) == (200, ["a", "b"]), "a warning keeps nobody from writing"


async def test_bytes_links_and_modes_stay_as_they_are(home: Yard):
    """Line ends of any kind, a byte order mark, a link and its target's mode; what is kept is private."""
    file, real = home.paths.config, home.paths.config.with_name("real.conf")
    before = b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n")
    file.unlink()
    real.write_bytes(before)
    real.chmod(0o640)
    file.symlink_to("real.conf")
    text = (await home.get("/config"))["text"]
    status, written = await write(home, text + "; more\r\n")
    assert status == 200
    assert real.read_bytes() == before + b"; more\r\n"
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    kept = [p for p in (home.paths.state_dir / "earlier-configs").rglob("*") if p.is_file()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600]
    await call(home, "POST", "/config/undo", based_on=written["fingerprint"])
    assert real.read_bytes() == before


async def test_twenty_earlier_texts_are_kept(home: Yard):
    text = (await home.get("/config"))["text"]
    for number in range(23):
        assert (await write(home, f"{text}# {number}\n"))[0] == 200
    found = (await home.get("/config"))["earlier"]
    assert len(found) == 20
    newest = await call(home, "POST", "/config/preview", earlier=found[0]["fingerprint"])
    assert newest[1]["difference"][-2:] == ["-# 22", "+# 21"]


HOSTILE = {
    "digits": "[a]\nmodel = m\nctx-size = " + "9" * 10_000,
    "a NUL": "[a]\nmodel = m\0\n",
    "a long value": "[a]\nmodel = " + "x" * 900_000,
    "lines that say nothing": "x\n" * 20_000,
    "lines without an end": "x\n" * 300_000,
    "sections": "[s]\n" * 2_000,
    "sections without an end": "[s]\n" * 150_000,
    "unknown keys": "[a]\n" + "".join(f"kez{n} = 1\n" for n in range(40_000)),
    "arguments": "[a]\nmodel = m\nEXTRA_ARGS = " + "--foo " * 120_000,
    "brackets": "[" * 200_000,
    "deep JSON": "[a]\nmodel = m\n[b]\nvariant-of = a\nchat-template-kwargs = " + "[" * 20_000,
    "another program's": "services:\n  llama:\n    image: x\n",
}


async def test_hostile_text_is_refused_with_a_reason_and_holds_nobody_up(home: Yard):
    before = home.paths.config.read_bytes()
    for name, text in HOSTILE.items():
        checking = asyncio.ensure_future(call(home, "POST", "/config/check", text=text))
        while not checking.done():
            assert (await home.get("/health"))["status"] == "ok"
            await asyncio.sleep(0.01)
        status, found = await checking
        assert (name, status) == (name, 200), found
        assert not found["ok"], name
        assert 0 < len(found["problems"]) <= 200, name
        assert max(len(problem["message"]) for problem in found["problems"]) < 1100, name
    assert (await write(home, HOSTILE["digits"]))[0] == 409
    assert home.paths.config.read_bytes() == before
    status, refusal = await write(home, "#" * (1 << 20))
    assert (status, refusal["error"]["code"]) == (413, "body_too_large")


REACHING = {
    "a program": "engine = /bin/echo",
    "an image": "engine = container:example.org/llama",
    "tools": "tools = all",
    "all tools": "agent = true",
    "a log": "log-file = /tmp/paddock-test-log",
    "a served folder": "path = /tmp",
    "a template": "chat-template-file = /etc/hostname",
    "servers of tools": "EXTRA_ARGS = --mcp-servers-json '{}'",
}


async def test_over_http_no_new_program_runs_and_no_new_file_is_named(home: Yard):
    text = (await home.get("/config"))["text"]
    for name, key in REACHING.items():
        _, found = await call(home, "POST", "/config/check", text=f"{text}{key}\n")
        [error] = [p for p in found["problems"] if p["severity"] == "error"]
        assert (name, error["line"]) == (name, text.count("\n") + 1)
        assert "over HTTP" in error["message"]
        assert (await write(home, f"{text}{key}\n"))[0] == 409
    assert home.paths.config.read_text() == text


async def test_a_draft_starts_no_program(home: Yard, tmp_path: Path):
    """To ask an engine for its flags is to run it."""
    trap, sprung = tmp_path / "trap", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    trap.chmod(0o755)
    text = home.paths.config.read_text() + f"engine = {trap}\n"
    for path in ("/config/check", "/config/preview"):
        assert (await call(home, "POST", path, text=text))[0] == 200
    assert (await write(home, text))[0] == 409
    assert not sprung.exists()


async def test_what_the_file_has_already_may_stay_move_and_come_back(home: Yard, models: Path):
    """Written at the machine itself, then kept by an edit, taken out, and put back by an undo."""
    text = home.paths.config.read_text()
    own = f"{text}chat-template-file = {home.paths.config}\n"
    home.paths.config.write_text(own)
    await home.daemon.reload()
    moved = own.replace("[a]", "# another line\n[a]")
    assert (await write(home, moved))[0] == 200
    status, written = await write(home, text)
    assert (status, written["changes"]["restarts"]) == (200, ["a"])
    status, _ = await call(home, "POST", "/config/undo", based_on=written["fingerprint"])
    assert (status, home.paths.config.read_text()) == (200, moved)


PROTECTED: dict[str, tuple[dict[str, Any], int, str]] = {
    "off": ({"web_editor": "off"}, 403, 'web-editor = "off"'),
    "open to others": ({"listen": "0.0.0.0:0", "insecure": True}, 403, "no key is needed"),
}


@pytest.mark.parametrize("how", PROTECTED)
async def test_where_it_is_read_only_it_is_said_and_not_written(tmp_path, models, how: str):
    settings, refused, why = PROTECTED[how]
    async with opened(tmp_path, models, **settings) as home:
        home.url = home.url.replace("0.0.0.0", "127.0.0.1")
        found = await home.get("/config")
        assert why in found["read_only"]
        status, refusal = await write(home, found["text"] + "# more\n")
        assert (status, why in refusal["error"]["message"]) == (refused, True)
        status, _ = await call(home, "POST", "/config/undo", based_on=found["fingerprint"])
        assert status == refused
        assert home.paths.config.read_text() == found["text"]


async def test_where_it_is_off_no_route_adds_removes_renames_or_tries_anything(
    tmp_path: Path, models: Path
):
    """`off` is a promise about all that is done over HTTP, not about one form."""
    async with opened(tmp_path, models, web_editor="off") as home:
        pulled = (
            f"{home.paths.config.read_text()}source = hf:o/r@{'a' * 40}/f.gguf sha256:{'0' * 64}\n"
        )
        home.paths.config.write_text(pulled)
        await home.daemon.reload()
        for method, path, body in (
            ("POST", "/pulls", {"model": "o/r"}),
            ("POST", "/models", {"model": "o/r"}),
            ("POST", "/api/pull", {"model": "hf.co/o/r"}),
            ("DELETE", "/models?model=a", {}),
            ("DELETE", "/api/delete", {"model": "a"}),
            ("POST", "/api/copy", {"source": "a", "destination": "b"}),
            ("POST", "/tune", {"profile": "a", "goal": "chat"}),
        ):
            status, refusal = await call(home, method, path, **body)
            assert (status, 'web-editor = "off"' in str(refusal)) == (403, True), (path, refusal)
        assert home.paths.config.read_text() == pulled


async def test_a_write_protected_file_stays(home: Yard):
    home.paths.config.chmod(0o444)
    found = await home.get("/config")
    assert "write-protected" in found["read_only"]
    assert (await write(home, found["text"] + "#\n"))[0] == 409
    assert home.paths.config.read_text() == found["text"]


async def test_with_full_editing_everything_may_be_written(tmp_path: Path, models: Path):
    async with opened(tmp_path, models, web_editor="full") as home:
        text = f"{home.paths.config.read_text()}log-file = {tmp_path / 'log'}\n"
        assert (await write(home, text))[0] == 200
        assert (await home.get("/config"))["editing"] == "full"


async def test_a_file_that_is_gone_is_empty_and_written_anew(home: Yard, models: Path):
    home.paths.config.unlink()
    found = await home.get("/config")
    assert (found["text"], found["fingerprint"]) == ("", "")
    assert (await write(home, f"[c]\nmodel = {models / 'alpha.gguf'}\n"))[0] == 200
    assert ids(home) == ["c"]
    assert stat.S_IMODE(home.paths.config.stat().st_mode) == 0o600


async def test_without_room_for_the_old_text_the_new_one_is_not_written(home: Yard):
    (home.paths.state_dir / "earlier-configs").write_text("in the way")
    text = home.paths.config.read_text()
    status, refusal = await write(home, text + "# more\n")
    assert (status, refusal["error"]["code"]) == (503, "state_unwritable")
    assert home.paths.config.read_text() == text
