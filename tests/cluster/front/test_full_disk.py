"""A machine whose disk is full refuses loads, and goes on with what is ready; the front has them elsewhere."""

from pathlib import Path

import msgspec
import pytest

from tests.cluster.front.test_faults import conf
from tests.cluster.stable import node, stable_of
from tests.daemon.test_limits import can, fill
from tests.yard import places, process


@pytest.mark.skipif(not can("--mount"), reason="no mount namespaces here")
async def test_a_node_without_disk_space_keeps_what_is_ready_and_loads_go_elsewhere(
    tmp_path: Path, models: Path
) -> None:
    written = conf(models, "alpha", "beta") + conf(models, "gamma").replace("[gamma]", "[only]")
    full = msgspec.structs.replace(places(tmp_path / "one", written), models_dir=models)
    mount = f'mount -t tmpfs -o size=40m none "{full.state_dir}" && exec "$@"'
    with process(full, under=["unshare", "--mount", "sh", "-c", mount, "sh"]) as one:
        async with stable_of(tmp_path, {"two": conf(models, "beta")}) as home:
            home.membership.put(node("one", one.url), *home.membership.nodes)
            await home.until_up("one", "two")
            assert await home.answer("alpha") == "I am alpha."
            disk = Path(f"/proc/{one.popen.pid}/root{full.state_dir}")
            fill(disk)
            (disk / "reserve").unlink()
            fill(disk)

            status, refused = await home.ask("only")
            assert (status, refused["error"]["code"]) == (400, "state_unwritable")
            assert await home.answer("beta") == "I am beta."
            assert await home.answer("alpha") == "I am alpha."
            ran = sorted(instance.id for instance in (await home.status()).instances)
            assert ran == ["one/alpha.1", "two/beta.1"]

            for part in disk.glob("full-*"):
                part.unlink()
            assert await home.answer("only") == "I am gamma."
