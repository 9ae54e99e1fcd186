"""What the page cache of a node holds counts in where a model is loaded, and is said."""

import asyncio
from pathlib import Path

from paddock.api.activity import Preview
from tests.cluster.puppet import puppet
from tests.cluster.stable import front_of, node


def _seen(cached_mib: int, eta: float) -> Preview:
    return Preview(
        profile="m", state="unloaded", size_mib=9000, cached_mib=cached_mib, eta=eta, summary="ok"
    )


async def test_a_model_is_loaded_where_its_file_is_cached_and_that_is_said(tmp_path: Path) -> None:
    async with puppet(cold="m") as one, puppet(cold="m") as two:
        one.preview, two.preview = _seen(0, 9.0), _seen(9000, 2.0)
        nodes = [node("one", one.url), node("two", two.url)]
        async with front_of(tmp_path, nodes) as home:
            await home.until_up("one", "two")
            async with asyncio.TaskGroup() as group:
                previews = [group.create_task(home.get("/preview/m")) for _ in range(5)]
            for said in (preview.result() for preview in previews):
                begins = "on two (on two it would load for 2.0 s, its file is cached"
                assert said["summary"].startswith(begins)
            # All five had one look, and one more at whom they chose: its words are in the answer.
            assert (one.previewed, two.previewed) == (1, 6)
            async with asyncio.TaskGroup() as group:
                for _ in range(5):
                    group.create_task(home.ask("m"))
            assert (len(one.heard), len(two.heard)) == (0, 5)


async def test_a_node_that_does_not_say_is_weighed_by_what_is_known(tmp_path: Path) -> None:
    async with puppet(cold="m") as one, puppet(cold="m") as two:
        one.preview = Preview(profile="m", state="unloaded", unloadable="its file is short")
        two.mute = True
        nodes = [node("one", one.url), node("two", two.url)]
        async with front_of(tmp_path, nodes) as home:
            await home.until_up("one", "two")
            async with asyncio.timeout(10):
                assert (await home.ask("m"))[0] == 200
            assert (len(one.heard), len(two.heard)) == (0, 1)
