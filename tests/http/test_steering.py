"""What of an instance's paths only managers may ask, however it is written."""

from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.errors import BadRequest
from paddock.http.steering import canonical, is_steering, slot_file

ORDERS = (
    "slots/0",
    "slots/0/",
    "slots/+0",
    "slots/0;x",
    "slots/",
    "props",
    "lora-adapters",
    "tools",
)


def spelled(text: str) -> st.SearchStrategy[str]:
    """The same text with some of its characters written in percent."""
    choices = [st.sampled_from([c, f"%{ord(c):02x}", f"%{ord(c):02X}"]) for c in text]
    return st.tuples(*choices).map("".join)


@given(st.data(), st.sampled_from(ORDERS), st.sampled_from(["/", "/v1/", "//", "/a%2Fb/"]))
def test_an_order_is_seen_however_it_is_spelled(data: st.DataObject, order: str, before: str):
    path = canonical(before + data.draw(spelled(order)))
    assert is_steering("POST", path, "action=save")


@given(st.data())
def test_so_is_its_action(data: st.DataObject):
    name, value = data.draw(spelled("action")), data.draw(spelled("save"))
    found = slot_file("POST", "/slots/3", f"model=a&{name}={value}")
    assert found is not None
    assert (found.path, found.action) == ("/slots/3?action=save", "save")


@given(st.text(max_size=30), st.binary(max_size=20))
def test_the_one_usual_way_says_the_same_and_nothing_else(text: str, raw: bytes):
    path = "/" + text.encode("utf-8", "surrogatepass").decode("latin-1") + quote(raw)
    written = canonical(path)
    assert unquote_to_bytes(written) == unquote_to_bytes(path)
    assert canonical(written) == written
    assert written.isascii()
    assert not set(written) & set(' \t\r\n\0?#"<>\\^`{|}')


def test_what_only_llama_servers_library_would_read_is_not_read_by_it_either():
    assert canonical("/%u0073lots/0") == "/%25u0073lots/0"
    assert not is_steering("POST", canonical("/%u0073lots/0"), "action=save")


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/slots", ""),
        ("GET", "/slots/0", ""),
        ("POST", "/slots/0", "action=erase"),
        ("POST", "/completion", ""),
        ("POST", "/v1/chat/completions", "action=save"),
        ("GET", "/props", ""),
        ("GET", "/lora-adapters", ""),
        ("POST", "/tokenize", ""),
        ("POST", "/propsy", ""),
    ],
)
def test_whoever_may_ask_the_model_may_do_the_rest(method: str, path: str, query: str):
    assert not is_steering(method, path, query)
    assert slot_file(method, path, query) is None


@pytest.mark.parametrize(
    "query",
    ["", "action=", "action=save&action=erase", "action=erase&action=restore", "action=SAVE"],
)
def test_an_action_that_is_none_or_two_is_no_mans_order(query: str):
    assert is_steering("POST", "/slots/0", query)
    with pytest.raises(BadRequest, match="save, restore or erase"):
        slot_file("POST", "/slots/0", query)


@pytest.mark.parametrize("slot", ["", "x", "+0", "0;x", "-1", "0%00", "1234567", "٣"])
def test_a_slot_that_is_no_number_is_refused(slot: str):
    with pytest.raises(BadRequest, match="no slot"):
        slot_file("POST", f"/slots/{slot}", "action=save")
