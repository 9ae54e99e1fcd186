"""What is shared changes where a setting is written, and never what a profile comes to."""

import copy
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.config.models_conf import read_as
from paddock.config.profile import Profile
from paddock.importing.page import PageSection, compose
from paddock.importing.sharing import share
from tests.config.stables import FLAGS, flags_of_the_build

VALUES = {
    "ctx-size": ["1024", "2048", "4096"],
    "flash-attn": ["on", "off"],
    "jinja": ["true", "false"],
    "temperature": ["0.7", "1"],
    "override-tensor": ["a=CPU", "b=CPU"],
    "ttl": ["60", "600"],
    "hidden": ["true"],
    "sampler-policy": ["force"],
    "EXTRA_ARGS": ["--threads 2", "--threads 3 -ot c=CPU -ot d=CPU", "--no-jinja --ctx-size 512"],
}


@st.composite
def sections(draw: st.DrawFn) -> list[PageSection]:
    """Profiles that have much in common, as people's have."""
    usual = {key: draw(st.sampled_from(values)) for key, values in VALUES.items()}
    out = []
    for number in range(draw(st.integers(1, 9))):
        section = PageSection(f"m{number}", f"config.yaml:{number}")
        section.add("model", f"/models/{number}.gguf")
        for key in draw(st.permutations(list(VALUES))):
            match draw(st.integers(0, 9)):
                case 0:
                    section.add(key, draw(st.sampled_from(VALUES[key])))
                case 1 | 2:
                    pass
                case _:
                    section.add(key, usual[key])
        out.append(section)
    return out


def profiles(parts: list[PageSection], shared: PageSection) -> dict[str, Profile]:
    text = compose(parts, shared).text
    path = Path(tempfile.gettempdir()) / "models.conf"
    stable, problems = read_as(text, path, flags_for=flags_of_the_build)
    assert stable, [str(problem) for problem in problems]
    return dict(stable.profiles)


def meaning(profile: Profile) -> tuple[object, ...]:
    flags = sorted(flag.argv for flag in profile.flags)
    return (flags, profile.ttl, profile.hidden, profile.client_samplers)


@settings(max_examples=60, deadline=None)
@given(sections(), st.booleans())
def test_every_profile_comes_to_the_same_command_line_as_before(
    parts: list[PageSection], has_ttl: bool
) -> None:
    shared = PageSection("*", "config.yaml")
    if has_ttl:
        shared.add("ttl", "900")
    before = profiles(copy.deepcopy(parts), copy.deepcopy(shared))
    share(parts, shared, [FLAGS])
    after = profiles(parts, shared)
    assert {name: meaning(p) for name, p in after.items()} == {
        name: meaning(p) for name, p in before.items()
    }


def test_one_profile_keeps_what_it_has() -> None:
    alone, shared = PageSection("m", "x"), PageSection("*", "x")
    alone.add("jinja", "true")
    share([alone], shared, [FLAGS])
    assert not shared.keys
    assert alone.entry("jinja")


def test_what_two_explain_stays_with_both_and_what_one_explains_goes_along() -> None:
    parts, shared = [PageSection("a", "x"), PageSection("b", "x")], PageSection("*", "x")
    for part in parts:
        part.add("jinja", "true", comments=["for tools"] if part.id == "a" else [])
        part.add("ctx-size", "1024", comments=[f"measured on {part.id}"])
        part.add("model", f"{part.id}.gguf")
    share(parts, shared, [FLAGS])
    assert [(entry.key, entry.comments) for entry in shared.keys] == [
        ("jinja", ["for tools"]),
        ("ctx-size", []),
    ]
    assert [part.keys[0].comments for part in parts] == [["measured on a"], ["measured on b"]]
