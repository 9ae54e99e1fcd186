"""What a front hears where no cluster answers: with the real agent, and no Ray beside it."""

import importlib.util
import logging
import socket
from pathlib import Path

import pytest

from paddock.cluster.membership import ray_membership
from paddock.cluster.membership.ray_membership import RayMembership
from paddock.cluster.refusals import NoCluster
from paddock.config.cluster import ClusterSettings
from tests.ports import free_port

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="RAY IS MISSING: `make venv` installs it"
)


async def refusal(state: Path, port: int) -> NoCluster:
    with pytest.raises(
        NoCluster
    ) as refused:  # and no group of exceptions, which a person would see as a traceback
        async with RayMembership.open(state, f"127.0.0.1:{port}", ClusterSettings()):
            raise AssertionError("there is no cluster")
    return refused.value


async def test_where_nothing_listens_that_is_said_at_once(tmp_path: Path):
    port = free_port()
    error = await refusal(tmp_path / "state", port)
    assert error.message == f"no cluster answers at 127.0.0.1:{port}"


async def test_where_something_listens_and_says_nothing_it_waits_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(ray_membership, "_FIRST_SECONDS", 1.0)
    monkeypatch.setattr(ray_membership, "_SIGN_EVERY", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, caplog.at_level(logging.INFO):
        port = silent.getsockname()[1]
        error = await refusal(tmp_path / "state", port)
    assert error.message == f"the cluster at 127.0.0.1:{port} does not answer"
    assert f"waiting for the cluster at 127.0.0.1:{port}" in caplog.text
