"""What `/openapi.json` says, held against a real daemon by schemathesis: generated requests, bounded.

Each route is asked what its description allows, and some of what it does not; each reply must be one
that is described. Nothing may be an error of ours (500).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

from paddock.http.openapi import describe
from paddock.http.routes import ROUTES
from tests.yard import Process, places, process

CONF = "[alpha]\nmodel = alpha.gguf\n"
# It ends the daemon; streams that end with their reader.
LEFT_OUT = r"^/(shutdown|events|models/sse|tune)$"
BOUNDS = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)

schema = schemathesis.openapi.from_dict(describe(ROUTES))
described = schema.exclude(path_regex=LEFT_OUT)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Process]:
    root = tmp_path_factory.mktemp("described")
    paths = msgspec.structs.replace(places(root / "daemon", CONF), models_dir=models)
    paths.settings.write_text("plan-ahead = false\nprobe-after = 0\n")
    with process(paths) as running:
        yield running


@described.parametrize()
@BOUNDS
def test_each_route_answers_as_it_is_described(case: Any, daemon: Process):
    response = case.call(base_url=daemon.url, timeout=20)
    is_engines = "x-paddock-instance" in response.headers  # llama-server's own answer, passed on
    assert response.status_code != 500 or is_engines, response.text
    if response.status_code < 400 and not is_engines:  # `default` describes refusals
        assert str(response.status_code) in case.operation.definition.raw["responses"]
    held = [checks.content_type_conformance, checks.status_code_conformance]
    if response.status_code < 400 or case.operation.tags == ["management"]:
        held.append(checks.response_schema_conformance)
    case.validate_response(response, checks=held)


def test_the_document_that_is_served_is_the_one_that_is_held(daemon: Process):
    import requests

    assert requests.get(f"{daemon.url}/openapi.json", timeout=20).json() == schema.raw_schema
