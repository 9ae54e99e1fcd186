"""Engines over the API: listed with their trials, promoted, gone back from, as the command line does it."""

from pathlib import Path
from typing import Any

from paddock.config.settings import load_settings
from paddock.engine.trial_store import Trial, open_trial_store, write_trial_store
from tests.yard import QUIET, Yard, places, wrapper, yard


def _noted(home: Yard, name: str, *, passed: bool) -> None:
    """As `paddock engine test` writes it down."""
    engine = home.daemon.roster.engines.find(name)
    store = open_trial_store(home.paths.state_dir)
    store.trials[engine.build_mark] = Trial(
        engine=name, version=engine.version, tried_at="2026-11-30T08:00:00Z", passed=passed, cases=9,
        failures=[] if passed else ["long: ended with 134"],
    )  # fmt: skip
    write_trial_store(home.paths.state_dir, store)


async def test_only_what_has_passed_its_test_becomes_the_default_and_a_rollback_goes_back(
    tmp_path: Path,
) -> None:
    paths = places(tmp_path, "[a]\nmodel = a.gguf\nengine = next\n")
    next_, broken = wrapper(tmp_path / "next", ""), tmp_path / "gone"
    paths.settings.write_text(
        f'# ours\n[engines.next]\npath = "{next_}"\nnote = "a patch"\n[engines.broken]\npath = "{broken}"\n'
    )
    async with yard(paths, settings=lambda: load_settings(paths.settings, QUIET)) as home:

        async def ordered(path: str, **body: object) -> tuple[int, Any]:
            async with home.http.post(f"{home.url}/engines/{path}", json=body) as reply:
                return reply.status, await reply.json()

        def default(listed: Any) -> list[str]:
            return [one["name"] for one in listed["engines"] if one.get("default")]

        listed = await home.get("/engines")
        known = {one["name"]: one for one in listed["engines"]}
        assert (known["next"]["note"], known["next"]["profiles"]) == ("a patch", ["a"])
        assert "tried" not in known["next"]
        assert str(broken) in known["broken"]["error"]

        status, refusal = await ordered("promote", engine="next")
        assert (status, refusal["error"]["code"]) == (409, "default_stays")
        assert (await ordered("promote", engine="broken"))[0] == 503
        assert (await ordered("rollback"))[0] == 409

        _noted(home, "next", passed=False)
        assert "long: ended with 134" in str(await ordered("promote", engine="next"))
        assert "engine =" not in paths.settings.read_text()
        _noted(home, "next", passed=True)
        status, listed = await ordered("promote", engine="next")
        assert (status, default(listed), listed["can_roll_back"]) == (200, ["next"], True)
        assert paths.settings.read_text().startswith("# ours"), "comments stay"
        assert home.daemon.roster.engines.default == "next", "it is in effect"

        status, listed = await ordered("rollback")
        assert (status, default(listed), listed.get("can_roll_back", False)) == (200, [], False)
