"""The documentation leaves no key out and is true; the examples work."""

import re
from pathlib import Path

import msgspec
import pytest

from paddock.config.models_conf import read
from paddock.config.settings import Settings, load_settings
from paddock.config.vocabulary import IGNORED, own_keys
from paddock.llama.flags import ACCUMULATING
from tests.config.stables import flags_of_the_build

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SETTINGS = DOCS[DOCS.index("## paddock.toml") :]


@pytest.mark.parametrize("key", [*own_keys(), *sorted(IGNORED)])
def test_every_key_of_models_conf_is_documented(key):
    assert f"`{key}`" in DOCS


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda f: f.encode_name)
def test_every_setting_is_documented_with_its_default(field):
    row = re.search(rf"^\| `{field.encode_name}` \| (.*?) \|", SETTINGS, re.MULTILINE)
    assert row, field.encode_name
    if field.default in (None, msgspec.NODEFAULT):
        return
    default = msgspec.json.encode(field.default).decode().removesuffix(".0")
    assert row[1].strip("`") == default


def test_every_flag_that_adds_up_is_documented():
    short_of = {"--override-tensor-draft", "--lora-scaled", "--control-vector-scaled"}
    assert all(f"`{flag}`" in DOCS for flag in ACCUMULATING - short_of)


def example(after):
    """The first block of INI after these words."""
    return DOCS[DOCS.index(after) :].split("```ini\n")[1].split("```")[0]


def test_the_example_of_precedence_comes_out_as_its_table_says(yard):
    profiles = yard.load(example("### Precedence")).profiles
    table = re.findall(r"^\| `(\w)` \| (\d+) \|.*\| (yes|no)", DOCS, re.MULTILINE)
    assert len(table) == len(profiles) == 3
    for name, ctx, jinja in table:
        profile = profiles[name]
        assert profile.ctx_size == int(ctx)
        assert ("--jinja" in profile.argv) is (jinja == "yes")


def test_the_first_example_works(yard):
    assert yard.errors(example("## models.conf")) == []


def test_the_example_file_has_nothing_wrong_but_that_its_models_are_elsewhere():
    path = ROOT / "examples" / "models.conf"
    stable, problems = read(path, flags_for=flags_of_the_build)
    assert stable is not None
    assert [str(p) for p in problems if p.kind != "file"] == []
    assert {"glm-flash", "bench-glm-flash"} <= stable.profiles.keys()


def test_the_example_settings_are_valid():
    assert load_settings(ROOT / "examples" / "paddock.toml", {}).memory_margin == 1024
