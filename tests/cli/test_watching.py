"""`paddock status --watch`: what its line says after each event."""

from paddock.api.activity import RequestInfo, Totals
from paddock.api.events import Activity, QueueChanged, Snapshot, SwitchEnded
from paddock.api.placement import Verdict
from paddock.api.types import ConfigInfo, DeviceInfo, ProfileInfo, ProfileNow, Status
from paddock.cli.output.watching import Watched


def snapshot(*profiles: ProfileInfo) -> Snapshot:
    status = Status(
        version="0",
        pid=1,
        started_at="",
        current=None,
        instances=[],
        queue={},
        devices=[
            DeviceInfo(name="CUDA0", kind="gpu", free_mib=2048),
            DeviceInfo(name="Host", kind="host"),
        ],
        config=ConfigInfo(path="", loaded_at=""),
    )
    return Snapshot(status=status, profiles=list(profiles))


def test_a_line_says_what_is_loaded_and_what_is_free() -> None:
    watched = Watched()
    watched.take(
        snapshot(ProfileInfo(id="a", state="unloaded"), ProfileInfo(id="b", state="unloaded"))
    )
    assert watched.models_part() == "nothing is loaded"
    assert watched.numbers_part() == "CUDA0 2.0 GiB free"
    watched.take(
        QueueChanged(profile="b", waiting=1, now=ProfileNow(state="queued", switching=True))
    )
    assert watched.models_part() == "b queued"
    verdict = Verdict(state="verified")
    watched.take(
        SwitchEnded(
            profile="b",
            outcome="ready",
            seconds=1.0,
            now=ProfileNow(state="ready", verdict=verdict),
        )
    )
    assert watched.models_part() == "b ready verified"
    watched.take(
        Activity(
            requests=[RequestInfo(id=1, profile="b")],
            devices=[DeviceInfo(name="CUDA0", kind="gpu", free_mib=512)],
            totals=Totals(),
            profiles={"b": ProfileNow(state="busy")},
        )
    )
    assert watched.models_part() == "b busy"
    assert watched.numbers_part() == "CUDA0 512 MiB free · 1 request"
