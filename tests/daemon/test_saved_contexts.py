"""Saved contexts of all profiles over the API: whose, how large, how old; deleted one by one."""

import os
from pathlib import Path
from typing import Any

import msgspec

from paddock.daemon.instances.context_folders import folder_name
from tests.yard import Yard, places, yard

CONF = """
[alpha]
model = alpha.gguf
keep-context = on
ctx-size = 8192
[beta]
model = beta.gguf
"""


def _by_profile(listed: dict[str, Any]) -> dict[str, Any]:
    return {row.get("profile", ""): row for row in listed["contexts"]}


async def _read(home: Yard) -> None:
    """Something worth keeping."""
    text = "The horses stand in the paddock and wait for their turn. " * 20
    await home.ask("alpha", messages=[{"role": "user", "content": text}], max_tokens=4)


async def _deleted(home: Yard, name: str) -> tuple[int, Any]:
    async with home.http.post(f"{home.url}/contexts/{name}/delete") as reply:
        return reply.status, await reply.json()


async def test_they_are_listed_with_their_profiles_and_deleted_one_by_one(
    tmp_path: Path, models: Path
) -> None:
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    async with yard(paths, max_instances=1) as home:
        assert (await home.get("/contexts"))["contexts"] == []
        await _read(home)
        await home.answer("beta")  # alpha leaves, and its context is saved
        old = paths.state_dir / "contexts" / "0123456789abcdef"
        old.mkdir(mode=0o700)
        (old / "slot-0.bin").write_bytes(b"x" * 1_500_000)
        (old / "hand-1.bin").write_bytes(b"x" * 500_000)
        for file in old.iterdir():
            os.utime(file, (1_700_000_000, 1_700_000_000))
        listed = await home.get("/contexts")
        rows = _by_profile(listed)
        profile = home.daemon.roster.stable.profiles["alpha"]
        version = home.daemon.roster.engine(profile).version
        assert rows["alpha"]["id"] == folder_name(profile, version)
        assert (rows["alpha"]["place"], rows["alpha"]["files"]) == ("disk", 1)
        assert rows["alpha"]["mib"] > 0
        assert rows[""] == {
            "id": old.name, "place": "disk", "files": 2, "by_hand": 1, "mib": 1.9,
            "saved_at": "2023-11-14T22:13:20.000Z",
        }  # fmt: skip
        assert [row.get("profile", "") for row in listed["contexts"]] == ["alpha", ""]

        assert list(_by_profile((await _deleted(home, old.name))[1])) == ["alpha"]
        assert not old.exists()
        assert (await _deleted(home, old.name))[0] == 404
        assert (await _deleted(home, ".."))[0] in {404, 405}

        await _read(home)  # its server was given the folder, which stays
        rows = _by_profile(await home.get("/contexts"))
        assert rows["alpha"]["instance"].startswith("alpha.")
        assert (await _deleted(home, rows["alpha"]["id"]))[1]["contexts"] == []
        assert (paths.state_dir / "contexts" / rows["alpha"]["id"]).is_dir()
        await home.answer("beta")
        assert list(_by_profile(await home.get("/contexts"))) == ["alpha"], "it is saved again"
