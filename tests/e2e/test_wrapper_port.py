"""`wrapper-port`: what scripts for a hand-made wrapper ask, and what they hear."""

import asyncio
from http import HTTPStatus

import pytest

from tests.e2e.engines import gate

MORE = """
[bench-alpha]
model = alpha.gguf
NAME = Alpha for benchmarks
SPEED = ~12 t/s
[alpha-cool]
variant-of = alpha
NAME = Alpha, cool
temp = 0.1
"""


@pytest.fixture
def old(unused_tcp_port: int) -> str:
    return f"http://127.0.0.1:{unused_tcp_port}"


async def _get(yard, url: str, status: int = 200, headers: dict[str, str] | None = None):
    async with yard.http.get(url, headers=headers) as reply:
        assert reply.status == status, await reply.text()
        return await reply.json()


async def _post(yard, url: str, body: object, headers: dict[str, str] | None = None):
    async with yard.http.post(url, json=body, headers=headers) as reply:
        return reply.status, await reply.json()


async def test_a_wrappers_script_lists_switches_and_reads_the_state(home, unused_tcp_port, old):
    async with home(MORE, wrapper_port=unused_tcp_port) as yard:
        nothing = {"model": None, "model_name": "", "state": "idle", "status": "nothing is loaded"}
        assert await _get(yard, old + "/status") == nothing
        rows = {row["id"]: row for row in (await _get(yard, old + "/models"))["models"]}
        assert not any(row["active"] or row["loaded"] for row in rows.values())
        bench = rows["bench-alpha"]
        assert (bench["name"], bench["speed"]) == ("Alpha for benchmarks", "~12 t/s")
        assert (bench["ctx_size"], bench["is_bench"]) == ("1024", True)
        assert {"alpha", "alpha-cool"} <= set(rows)

        ready = {"success": True, "model": "alpha", "model_name": "alpha", "state": "running"}
        assert await _post(yard, old + "/switch", {"model": "alpha"}) == (200, ready)
        found = await _get(yard, old + "/status")
        assert (found["model"], found["state"]) == ("alpha", "running")
        [active] = [r["id"] for r in (await _get(yard, old + "/models"))["models"] if r["active"]]
        assert active == "alpha"

        status, variant = await _post(yard, old + "/switch", {"model": "alpha-cool"})
        assert (status, variant["model_name"]) == (200, "Alpha, cool")
        assert [i.id for i in (await yard.status()).instances] == ["alpha.1"]
        found = await _get(yard, old + "/status")  # which a script asks until it is what it wants
        assert (found["model"], found["model_name"]) == ("alpha-cool", "Alpha, cool")
        [active] = [r["id"] for r in (await _get(yard, old + "/models"))["models"] if r["active"]]
        assert active == "alpha-cool"

        assert (await _post(yard, old + "/switch", {"model": "alpha"}))[0] == 200
        assert (await _get(yard, old + "/status"))["model"] == "alpha"


async def test_a_switch_under_way_is_starting_and_one_that_fails_says_why(
    home, tmp_path, unused_tcp_port, old
):
    held = gate(tmp_path, then="echo 'E the disk is on fire' >&2; exit 3")
    more = held.profile("slow") + "\n[slow-cool]\nvariant-of = slow\ntemp = 0.1\n"
    async with home(more, wrapper_port=unused_tcp_port) as yard:
        asked = asyncio.ensure_future(_post(yard, old + "/switch", {"model": "slow-cool"}))
        await yard.until(lambda status: status.instances)
        found = await _get(yard, old + "/status")
        assert (found["model"], found["state"]) == ("slow-cool", "starting")
        held.open()
        status, failed = await asked
    assert (status, failed["success"], failed["state"]) == (200, False, "idle")
    assert "slow exited with code 3" in failed["error"]


async def test_refusals_are_a_wrappers_and_the_port_has_nothing_else(home, unused_tcp_port, old):
    async with home(wrapper_port=unused_tcp_port) as yard:
        for body, status in (({}, 400), ({"model": "nobody"}, 404)):
            found, reply = await _post(yard, old + "/switch", body)
            assert (found, type(reply["error"])) == (status, str)
        for path in ("/", "/v1/models", "/health", "/upstream/alpha/health", "/webui.js"):
            reply = await _get(yard, old + path, HTTPStatus.NOT_FOUND)
            assert yard.url in reply["error"]
        assert "alpha" in str(await yard.get("/models"))
        assert "instances" in await yard.get("/status")


async def test_it_is_guarded_as_every_address_of_ours_is(home, unused_tcp_port, old):
    keys = {"api_keys": ("ask",), "management_keys": ("all",)}
    async with home(wrapper_port=unused_tcp_port, **keys) as yard:
        ask, manage = ({"Authorization": f"Bearer {key}"} for key in ("ask", "all"))
        await _get(yard, old + "/models", 401)
        await _get(yard, old + "/models", 200, ask)
        await _get(yard, old + "/status", 403, ask)
        await _get(yard, old + "/status", 200, manage)
        await _get(yard, old + "/status", 403, {"Host": "evil.example", **manage})
        page = {"Origin": "http://evil.example", **manage}
        assert (await _post(yard, old + "/switch", {"model": "alpha"}, page))[0] == 403
        assert not (await _get(yard, yard.url + "/status", 200, manage))["instances"]
