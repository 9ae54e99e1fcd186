"""What names stand for with a key that is limited to models: as if nothing else were there."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paddock.config.keys import NamedKey
from paddock.config.profile import NamedModel, Problem, Profile, Stable
from paddock.config.settings import Paths, Settings
from paddock.config.variant import Variant
from paddock.daemon.clock import Day
from paddock.daemon.faults import Faults
from paddock.daemon.keyring import Holder
from paddock.daemon.model_names import ModelNames
from paddock.daemon.profiles.roster import Roster
from paddock.errors import ModelMissing, UnknownModel


def _profile(name: str, file: str, title: str) -> Profile:
    model = Path("/models") / file
    return Profile(id=name, line=1, model=model, flags=(), title=title, aliases=(f"{name}-alias",))


# `hidden-one` has the names by which people may mean others: a title and a file of two.
PROFILES = (
    _profile("base", "common.gguf", "Common"),
    _profile("other", "other.gguf", "Other One"),
    _profile("hidden-one", "x/common.gguf", "Common"),
)
VARIANTS = (
    Variant(id="base-brief", base="base", line=2, title="Brief", aliases=("brief",)),
    Variant(id="base-long", base="base", line=3, title="Long"),
    Variant(id="hidden-brief", base="hidden-one", line=4, title="Long"),
)


def _names(tmp_path: Path, *, current: str | None = None, unknown: str = "refuse") -> ModelNames:
    folders = Paths(
        config=tmp_path / "m", settings=tmp_path / "s", models_dir=tmp_path,
        state_dir=tmp_path, runtime_dir=tmp_path,
    )  # fmt: skip
    roster = Roster(folders, Settings(), Faults())
    profiles, variants = {p.id: p for p in PROFILES}, {v.id: v for v in VARIANTS}
    roster.stable = Stable(tmp_path / "m", tmp_path, profiles, variants=variants)
    usage: Any = SimpleNamespace(current=lambda: current)
    return ModelNames(roster, usage, unknown)


def _holder(*models: str) -> Holder:
    return Holder(NamedKey(name="anna", digest="", models=models), Day())


def _found(names: ModelNames, name: str | None, *models: str, asked: bool = False) -> str | None:
    find = names.asked if asked else names.named
    try:
        return find(name, _holder(*models).may_ask).id
    except (UnknownModel, ModelMissing) as error:
        said = re.findall(r"[\w-]+", f"{error.message} {error.hint}".replace(repr(name), ""))
        allowed = [n for n in names._roster.stable.all_named() if _holder(*models).may_ask(n)]
        for one in names._roster.stable.all_named():
            others = () if one in allowed else one.names
            assert not [word for word in others if word in said], said
        return None


ALL = ["base", "base-brief", "base-long"]


@pytest.mark.parametrize(
    ("models", "allowed"),
    [
        (("base",), ALL),
        (("base-alias",), ALL),
        (("base-brief",), ["base-brief"]),
        (("brief",), ["base-brief"]),
        (("base-long", "brief"), ["base-brief", "base-long"]),
        (("other", "base-long"), ["other", "base-long"]),
        (("hidden-one",), ["hidden-one", "hidden-brief"]),
        (("base", "other", "hidden-one"), [n.id for n in (*PROFILES, *VARIANTS)]),
        (("gone",), []),
        (("BASE",), []),
    ],
)
def test_a_profile_allows_its_variants_and_a_variant_itself_alone(tmp_path, models, allowed):
    names = _names(tmp_path)
    for named in names._roster.stable.all_named():
        for name in named.names:
            for form in (name, name.upper(), f"claude-{name}", f"{name}:latest"):
                expected = named.id if named.id in allowed else None
                assert _found(names, form, *models) == expected, form
                assert _found(names, form, *models, asked=True) == expected, form


@pytest.mark.parametrize(
    ("name", "models", "expected"),
    [
        ("common", (), None),  # two are called so
        ("common", ("base",), "base"),
        ("COMMON.GGUF", ("base",), "base"),
        ("x/common", ("base",), None),
        ("common", ("hidden-one",), "hidden-one"),
        ("common", ("base-brief",), None),
        ("LONG", ("base",), "base-long"),
        ("claude-Long", ("hidden-one",), "hidden-brief"),
        ("long", ("base-brief", "hidden-one"), "hidden-brief"),
        ("long", ("base", "hidden-one"), None),
        ("other one", ("base",), None),
        ("hidden-on", ("base",), None),
        ("othr", ("base", "base-brief"), None),
    ],
)
def test_another_model_of_the_name_is_in_nobodys_way(tmp_path, name, models, expected):
    assert _found(_names(tmp_path), name, *models) == expected


def test_the_nearest_names_are_of_what_may_be_asked(tmp_path):
    names = _names(tmp_path)
    with pytest.raises(UnknownModel) as refused:
        names.named("hidden-on", _holder("hidden-brief").may_ask)
    assert refused.value.hint == "nearest: hidden-brief"
    with pytest.raises(UnknownModel) as refused:
        names.named("hidden-one", _holder("other").may_ask)
    assert "hidden" not in refused.value.hint


@pytest.mark.parametrize(
    ("unknown", "current", "models", "answers"),
    [
        ("refuse", "base", ("base",), None),
        ("loaded", "base", ("base",), "base"),
        ("loaded", "base", ("base-brief",), None),
        ("loaded", "hidden-one", ("base",), None),
        ("loaded", "gone", ("base",), None),
        ("loaded", None, ("base",), None),
        ("base", None, ("base",), "base"),
        ("base", None, ("base-brief",), None),
        ("base-brief", None, ("base-brief",), "base-brief"),
        ("base-brief", None, ("base",), "base-brief"),
        ("base-brief", None, ("other",), None),
        ("hidden-one", None, ("base",), None),
        ("gone-hidden-one", None, ("base",), None),
    ],
)
def test_who_answers_to_strange_names_is_for_the_key_too(
    tmp_path, unknown, current, models, answers
):
    names = _names(tmp_path, current=current, unknown=unknown)
    for name in ("strange", "hidden-brief", "hidden-one-alias"):
        assert _found(names, name, *models, asked=True) == answers
        assert _found(names, name, *models) is None


def test_a_variant_that_is_left_out_is_explained_to_whoever_may_ask_everything(tmp_path):
    names = _names(tmp_path)
    wrong = Problem("error", "c is a launch flag", "", "m", 5, "v3", "c", kind="variant")
    roster = names._roster
    roster.stable = replace(roster.stable, warnings=(wrong,))
    with pytest.raises(UnknownModel, match=r"\[v3\] is left out, .*m:5: .*c is a launch flag"):
        names.asked("v3")
    with pytest.raises(UnknownModel, match="there is no model 'v3'"):
        names.asked("v3", _holder("base").may_ask)


def test_a_stand_in_that_is_not_there_is_not_what_the_refusal_names(tmp_path):
    names = _names(tmp_path, unknown="gemma-99")
    with pytest.raises(UnknownModel, match="'strange'") as refusal:
        names.asked("strange")
    assert "gemma-99" not in f"{refusal.value.message} {refusal.value.hint}"


@pytest.mark.parametrize("everybody", ["refuse", "loaded", "other"])
@pytest.mark.parametrize(
    ("own", "answers"),
    [("refuse", None), ("loaded", "base"), ("base-brief", "base-brief"), ("hidden-one", None)],
)
def test_what_the_key_says_of_strange_names_counts_before_what_holds_for_all(
    tmp_path, everybody, own, answers
):
    names = _names(tmp_path, current="base", unknown=everybody)
    holder = Holder(NamedKey(name="anna", digest="", models=("base",), unknown_model=own), Day())
    try:
        found = names.asked("strange", holder.may_ask, holder.key.unknown_model).id
    except UnknownModel:
        found = None
    assert found == answers


@pytest.mark.parametrize(
    ("current", "models", "expected"),
    [
        ("base", ("base",), "base"),
        ("hidden-one", ("base",), "base"),
        ("base", ("base", "other"), "base"),
        ("hidden-one", ("base", "other"), None),
        (None, ("base-brief",), "base-brief"),
        ("base", ("base-brief",), "base-brief"),
        ("base", ("base-brief", "base-long"), None),
        (None, ("gone",), None),
    ],
)
def test_without_a_name_it_is_one_that_may_be_asked(tmp_path, current, models, expected):
    assert _found(_names(tmp_path, current=current), None, *models) == expected


@pytest.mark.parametrize(
    ("models", "reaches"),
    [(("base",), True), (("base-brief",), False), (("base-alias", "brief"), True), ((), True)],
)
def test_the_instance_itself_is_for_who_may_ask_the_profile(models, reaches):
    for variant in (None, *VARIANTS[:2]):
        assert _holder(*models).may_reach(NamedModel(PROFILES[0], variant)) is reaches
