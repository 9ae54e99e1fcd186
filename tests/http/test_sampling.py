"""Who sets temperature and the like: the request, or the profile that keeps that to itself."""

import json
from typing import Any

import pytest

from paddock.config.profile import Flag, Origin, Profile
from paddock.http.body import wish
from paddock.http.sampling import NOTHING_SAID, Samplers, Sampling, shaped

HERE = Origin("m", "temp", 2)
FLAGS = (Flag("--temperature", ("0.7",), HERE), Flag("--top-k", ("20",), HERE))
ASKS = {"model": "m", "temperature": 1.5, "min_p": 0.1, "messages": [{"a": 1.50}]}


def ruled(allowed: tuple[str, ...] | None, body: Any) -> tuple[bytes, Sampling]:
    profile = Profile("m", 1, None, FLAGS, client_samplers=allowed)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sampling = Samplers().ruled(profile, wish(content, "application/json"))
    return b"".join(shaped(content, sampling)) if sampling.overruled else content, sampling


def test_by_default_the_request_counts_and_the_body_stays_as_it_is():
    content, sampling = ruled(None, ASKS)
    assert content == json.dumps(ASKS).encode()
    assert sampling == Sampling({"temperature": 1.5, "top_k": 20.0, "min_p": 0.1})


def test_where_the_profile_forces_its_own_nothing_of_the_request_counts():
    content, sampling = ruled((), ASKS)
    assert json.loads(content) == {"model": "m", "messages": [{"a": 1.5}]}
    assert sampling == Sampling({"temperature": 0.7, "top_k": 20.0}, ("temperature", "min_p"))
    assert sampling.headers == {
        "x-paddock-samplers": "temperature=0.7, top_k=20",
        "x-paddock-overruled": "temperature, min_p",
    }


def test_what_is_allowed_counts_and_the_rest_does_not():
    content, sampling = ruled(("temperature",), ASKS)
    assert "min_p" not in json.loads(content)
    assert sampling == Sampling({"temperature": 1.5, "top_k": 20.0}, ("min_p",))


def test_what_is_left_in_a_changed_body_keeps_its_bytes():
    raw = b'{"temperature": 1, "n":1.50,  "big": 12345678901234567890123, "s":"\\u00e4"}'
    assert ruled((), raw)[0] == b'{"n":1.50,"big":12345678901234567890123,"s":"\\u00e4"}'


def test_the_order_of_samplers_is_the_profiles_too():
    content, sampling = ruled((), {"model": "m", "samplers": ["temperature"]})
    assert (json.loads(content), sampling.overruled) == ({"model": "m"}, ("samplers",))


@pytest.mark.parametrize("value", [None, "warm", [1], True])
def test_what_is_no_number_is_llama_servers_to_refuse(value: Any):
    content, sampling = ruled(None, {"model": "m", "temperature": value})
    assert json.loads(content)["temperature"] == value
    assert sampling.in_effect == {"temperature": 0.7, "top_k": 20.0}


def test_a_changed_profile_is_read_anew():
    samplers, content = Samplers(), b"{}"
    for flags, expected in ((FLAGS, 20.0), (FLAGS[:1], None)):
        found = samplers.ruled(Profile("m", 1, None, flags), wish(content, ""))
        assert found.in_effect.get("top_k") == expected


def test_of_a_stale_instance_its_own_flags_are_shown():
    """It has --temperature 0.2 and no --top-k, whatever models.conf says since."""
    _, sampling = ruled(None, {"model": "m", "min_p": 0.1})
    assert sampling.served_by({"temperature": 0.2}).in_effect == {"temperature": 0.2, "min_p": 0.1}
    assert sampling.served_by({"temperature": 0.7, "top_k": 20.0}) is sampling
    _, forced = ruled((), ASKS)
    found = forced.served_by({"temperature": 0.2})
    assert (found.in_effect, found.overruled) == ({"temperature": 0.2}, forced.overruled)
    nothing = Samplers().ruled(Profile("m", 1, None, ()), wish(b"{}", ""))
    assert nothing.served_by({"temperature": 0.2}).in_effect == {"temperature": 0.2}
    assert NOTHING_SAID.served_by({"temperature": 0.2}).in_effect == {}  # it counts tokens
