"""The document cannot miss a route, and names only schemas that it has."""

import re
from pathlib import Path

import msgspec
import pytest

from paddock.http.openapi import describe, methods_of, path_of
from paddock.http.routes import ROUTES
from paddock.http.shapes import OF_SURFACE
from tests.http.error_kinds import KINDS


async def test_every_registered_route_is_described(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"})
    _, document = await yard.get("/openapi.json")
    described = {(m, path) for path, item in document["paths"].items() for m in item}
    registered = {(m, path_of(route)) for route in ROUTES for m in methods_of(route)}
    assert described == registered


def test_no_route_is_given_twice():
    named = [(m, path_of(route)) for route in ROUTES for m in methods_of(route)]
    assert len(named) == len(set(named))


def test_every_reference_has_its_schema():
    document = describe(ROUTES)
    names = set(re.findall(r"#/components/schemas/([\w.]+)", str(document)))
    assert names <= set(document["components"]["schemas"])
    assert {"Status", "SwitchRequest", "SwitchResult", "Snapshot", "History", "ErrorBody"} <= names


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "surface", dict.fromkeys(route.surface for route in ROUTES), ids=lambda s: s.name
)
def test_a_refusal_is_what_the_document_says_of_its_api(kind, surface):
    """With everything that an error can hold, and with nothing but its message."""
    for error in (kind("no"), kind("no", hint="so", detail=("E line",))):
        body = surface.shape(error, surface.status(error, error.status))
        kept = msgspec.json.decode(body, type=OF_SURFACE[surface.name])
        assert msgspec.to_builtins(kept) == msgspec.json.decode(body), "a field is not described"


def test_every_route_names_its_apis_refusal():
    document = describe(ROUTES)
    for route in ROUTES:
        for method in methods_of(route):
            default = document["paths"][path_of(route)][method]["responses"]["default"]
            schema = default["content"]["application/json"]["schema"]["$ref"]
            assert schema.endswith("/" + OF_SURFACE[route.surface.name].__name__)


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/unload", {200, 202}),
        ("/yield", {200, 202}),
        ("/switch", {200, 202}),
        ("/shutdown", {202}),
    ],
)
def test_what_is_not_over_when_it_is_answered_says_so(path, statuses):
    described = describe(ROUTES)["paths"][path]["post"]["responses"]
    assert {int(status) for status in described if status != "default"} == statuses


def test_every_route_says_what_it_is():
    assert all(route.summary for route in ROUTES)


def test_the_page_of_the_manual_names_every_route():
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    assert [p for p in {path_of(route) for route in ROUTES} if f"{p}`" not in text] == []
