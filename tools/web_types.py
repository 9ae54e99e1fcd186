"""Writes the page's types anew, from the OpenAPI document: `python tools/web_types.py`.

A generator of our own, of one page: the document has only what msgspec writes, and openapi-typescript
would bring the tests 30 packages for it. `tests/web/test_files.py` says when the file is out of date.
"""

from pathlib import Path
from typing import Any

from paddock.http.openapi import describe
from paddock.http.routes import ROUTES

TARGET = Path(__file__).parents[1] / "src" / "paddock" / "web" / "types.d.ts"
_HEAD = "// Made by tools/web_types.py of the OpenAPI document; not to be changed by hand.\n"
_PLAIN = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def types() -> str:
    """The whole file: what the API's calls give and take, and `Event`, any of its events."""
    document = describe(ROUTES)
    schemas = document["components"]["schemas"]
    events = document["paths"]["/events"]["get"]["responses"]["200"]["content"]
    declared = [_HEAD, f"export type Event = {_type(events['text/event-stream']['schema'])};"]
    declared += [_declared(name, schemas[name]) for name in sorted(schemas) if name.isidentifier()]
    return "\n\n".join(part.rstrip() for part in declared) + "\n"


def _declared(name: str, schema: dict[str, Any]) -> str:
    if "properties" not in schema:
        return f"export type {name} = {_type(schema)};"
    required = schema.get("required", [])
    lines = [
        f"    {_name(key)}{_mark(key, value, required)}: {_type(value)};"
        for key, value in schema["properties"].items()
    ]
    return f"export interface {name} {{\n" + "\n".join(lines) + "\n}"


def _mark(key: str, schema: dict[str, Any], required: list[str]) -> str:
    """The tag of an event is always there: by it the events are distinguished."""
    return "" if key in required or len(schema.get("enum", [])) == 1 else "?"


def _name(key: str) -> str:
    return key if key.isidentifier() else f'"{key}"'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(
            f'"{value}"' if isinstance(value, str) else str(value) for value in schema["enum"]
        )
    if "anyOf" in schema:
        return " | ".join(_type(one) for one in schema["anyOf"])
    match schema.get("type"):
        case "array":
            return f"({_type(schema['items'])})[]" if "items" in schema else "unknown[]"
        case "object":
            values = schema.get("additionalProperties")
            return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
        case list() as several:
            return " | ".join(_PLAIN[one] for one in several)
        case str() as one:
            return _PLAIN[one]
        case _:
            return "unknown"


if __name__ == "__main__":
    TARGET.write_text(types(), encoding="utf-8")
