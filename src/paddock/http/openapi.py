"""The OpenAPI document, made from the route table and the wire types, so that it cannot miss one."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

import paddock
from paddock.api.events import AnyEvent
from paddock.http import shapes
from paddock.http.auth import Scope
from paddock.http.front import Front, Route
from paddock.http.surfaces import OLLAMA

_NDJSON = "application/x-ndjson"  # a line for each piece
_METHODS = ("get", "post", "put", "delete", "patch")  # of a route for any method
_PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}")  # aiohttp's `{name:pattern}`


async def document(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The document, of exactly the routes that are registered."""
    return web.Response(
        body=msgspec.json.encode(describe(front.routes)), content_type="application/json"
    )


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """An OpenAPI 3.1 document of these routes."""
    table = tuple(routes)
    refusals = {shapes.OF_SURFACE[route.surface.name] for route in table}
    types = {*refusals, AnyEvent, *(t for r in table for t in (r.takes, r.gives) if t)}
    ordered = sorted(types, key=str)
    schemas, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    known = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        operations = paths.setdefault(path_of(route), {})
        for method in methods_of(route):
            operations[method] = _operation(route, method, known)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Paddock", "version": paddock.__version__},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def path_of(route: Route) -> str:
    """The path as OpenAPI writes it."""
    return _PARAMETER.sub(r"{\1}", route.path)


def methods_of(route: Route) -> tuple[str, ...]:
    """The methods in lower case."""
    return _METHODS if route.method == "*" else (route.method.lower(),)


_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}


def _operation(route: Route, method: str, known: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "tags": [route.surface.name],
        "parameters": _parameters(route),
        "responses": {
            **{str(status): _success(status, route, known) for status in route.statuses},
            "default": _refusal(route),
        },
    }
    if method in {"post", "put", "patch"}:
        operation["requestBody"] = {"content": {"application/json": _schema(route.takes, known)}}
    if route.scope is Scope.OPEN:
        operation["security"] = []
    else:
        operation["security"] = [{"bearer": []}, {"key": []}]
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    in_query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    return in_path + in_query


def _success(status: int, route: Route, known: dict[Any, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "It worked"}
    if status != HTTPStatus.NO_CONTENT:
        response["content"] = _content(route.media, route, known)
    return response


def _content(media: str, route: Route, known: dict[Any, Any]) -> dict[str, Any]:
    content = {media: _schema(route.gives, known)}
    if route.streams:
        content[_NDJSON if route.surface is OLLAMA else "text/event-stream"] = {}
    return content


def _schema(kind: Any, known: dict[Any, Any]) -> dict[str, Any]:
    return {"schema": known[kind]} if kind is not None else {}


def _refusal(route: Route) -> dict[str, Any]:
    name = shapes.OF_SURFACE[route.surface.name].__name__
    schema = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"description": "Why not, in the shape of the API that was used", "content": schema}
