"""Names of models in paddock.toml and keys that nothing in models.conf has."""

import pytest

from paddock.config.keys import NamedKey
from paddock.config.names_elsewhere import strange_names
from tests.config.stables import Yard

CONF = "[gemma]\nNAME = The gem\nMODEL = m.gguf\naliases = g\n[brief]\nvariant-of = gemma\n"


@pytest.fixture
def yard(tmp_path):
    return Yard(tmp_path)


@pytest.mark.parametrize(
    ("unknown", "models", "own", "said"),
    [
        ("refuse", ("gemma", "g", "brief"), "loaded", []),
        ("the GEM", (), "brief", []),
        ("gemma-99", (), "", ["unknown-model = 'gemma-99': there is no such model"]),
        ("refuse", ("nope",), "", ["key 'anna' may ask 'nope': there is no such model"]),
        ("refuse", ("The gem",), "", ["key 'anna' may ask 'The gem'"]),  # by id or alias alone
        ("refuse", ("g",), "foo", ["key 'anna': unknown-model = 'foo'"]),
        ("a-1", ("b-2",), "c-3", ["'a-1'", "'b-2'", "'c-3'"]),
    ],
)
def test_each_strange_name_is_a_warning(yard, unknown, models, own, said):
    keys = [NamedKey(name="anna", digest="", models=models, unknown_model=own)]
    found = list(
        strange_names(
            yard.load(CONF),
            unknown_model=unknown,
            settings_file=yard.folder / "paddock.toml",
            keys=keys,
            keys_file=yard.folder / "keys.json",
        )
    )
    assert [one.severity for one in found] == ["warning"] * len(said)
    for problem, words in zip(found, said, strict=True):
        assert words in problem.message
