"""One entry put into JSON that people edit, and nothing else changed."""

import json

import pytest

from paddock.clients.jsonc import get, put, put_element
from paddock.errors import ConfigError

ZED = """\
// my settings
{
    "theme": "One Dark", // dark
    /* models */
    "language_models": {
        "ollama": { "api_url": "http://here", },
    },
}
"""


def test_a_file_that_is_not_there_is_made():
    assert json.loads(put("", ("a", "b"), 1)) == {"a": {"b": 1}}
    assert json.loads(put_element("", "P", {"name": "P"})) == [{"name": "P"}]


def test_comments_commas_and_layout_stay():
    text = put(ZED, ("language_models", "llama.cpp", "api_url"), "http://x")
    added = '\n        "llama.cpp": {\n          "api_url": "http://x"\n        },'
    assert text == ZED.replace('"http://here", },', '"http://here", },' + added)
    assert put(text, ("language_models", "llama.cpp", "api_url"), "http://x") == text


def test_a_value_that_is_there_is_replaced():
    text = put(ZED, ("theme",), {"a": [1]})
    assert text == ZED.replace('"One Dark"', '{\n      "a": [\n        1\n      ]\n    }')


@pytest.mark.parametrize(
    "text", ["{}", "{ }", '{"a": 1}', '{\n  "a": [1, {"b": "}"}]\n}\n', '{"a":1,}']
)
def test_what_was_there_is_there_still(text: str):
    before = json.loads(text.replace(",}", "}"))
    after = put(text, ("p", "q"), True)
    assert json.loads(after.replace(",}", "}")) == {**before, "p": {"q": True}}


def test_an_element_is_known_by_its_name():
    text = '[\n  {"name": "Mine", "n": 1},\n  {"name": "Paddock", "n": 1}\n]\n'
    assert put_element(text, "Paddock", {"name": "Paddock"}).startswith(
        '[\n  {"name": "Mine", "n": 1},'
    )
    changed = json.loads(put_element(text, "Paddock", {"name": "Paddock", "n": 2}))
    assert changed == [{"name": "Mine", "n": 1}, {"name": "Paddock", "n": 2}]
    assert len(json.loads(put_element(text, "New", {"name": "New"}))) == 3


@pytest.mark.parametrize(
    "text", ["{", '{"a" 1}', '{"a": 1 "b": 2}', "nonsense {", '{"a": }', "{} {}", '{"a": "open}']
)
def test_what_cannot_be_understood_is_refused_with_its_line(text: str):
    with pytest.raises(ConfigError, match="line 1"):
        put(text, ("p",), 1)


def test_what_is_no_object_gets_no_entry():
    with pytest.raises(ConfigError, match="an object was expected"):
        put('{"providers": []}', ("providers", "paddock"), 1)


def test_a_value_is_found_by_its_path():
    assert get(ZED, ("language_models", "ollama", "api_url")) == '"http://here"'
    assert get(ZED, ("language_models", "nope")) is None
    assert get(ZED, ("theme", "nope")) is None
    assert get("", ("a",)) is None
