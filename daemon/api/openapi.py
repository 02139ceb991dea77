"""The API's description for programs: OpenAPI 3.1, made from the route table and the structs."""

import re
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, get_args

import msgspec
from aiohttp import web

from daemon.api.faults import Told
from daemon.api.route import Route
from daemon.api.told import TIMES

Document = dict[str, Any]  # JSON Schema, made by msgspec

OPENAPI = web.AppKey("openapi", dict)

SECRET: Document = {
    "type": "http",
    "scheme": "bearer",
    "description": "Over TCP only; `stablenew token new` gives one. On the socket the kernel says who asks.",
}

REF = "#/components/schemas/{name}"


@cache
def describe(routes: tuple[Route, ...], version: str) -> Document:
    """Made once: the routes do not change while the daemon runs. Nobody may change what is returned."""
    kinds = list(
        dict.fromkeys([Told, *(kind for route in routes for kind in (*_parts(route.takes), *_parts(route.gives)))])
    )
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    of = dict(zip(kinds, schemas, strict=True))
    for schema in components.values():
        _with_iso_times(schema)
    paths: dict[str, Document] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "stablenew", "version": version},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"secret": SECRET}},
    }


def _parts(kind: object) -> tuple[object, ...]:
    """A union is told as its members: lines of a stream need no tag."""
    if kind is None:
        return ()
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _schema(kind: object, of: Mapping[object, Document]) -> Document:
    parts = [of[part] for part in _parts(kind)]
    return parts[0] if len(parts) == 1 else {"oneOf": parts}


def _operation(route: Route, of: Mapping[object, Document]) -> Document:
    operation: Document = {
        "summary": route.does,
        "x-scope": route.scope or "socket",
        "security": [{}] if route.scope in (None, "socket") else [{}, {"secret": []}],
        "parameters": [
            *(_parameter(name, "path") for name in re.findall(r"{(\w+)}", route.path)),
            *(_parameter(name, "query") for name in route.query),
            *([_parameter("Idempotency-Key", "header")] if route.method != "GET" else []),
        ],
        "responses": {
            str(route.status): {
                "description": "done",
                "content": {route.media: {"schema": _schema(route.gives, of)} if route.gives else {}},
            },
            "default": {"description": "refused", "content": {"application/json": {"schema": of[Told]}}},
        },
    }
    if route.takes is not None:
        operation["requestBody"] = {"content": {route.takes_media: {"schema": _schema(route.takes, of)}}}
    elif route.method == "PUT" or route.takes_media != "application/json":
        operation["requestBody"] = {"content": {route.takes_media: {}}}
    return operation


def _parameter(name: str, place: str) -> Document:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}


def _with_iso_times(schema: Document) -> None:
    """Answers write times as text; requests hold none."""
    for name, field in schema.get("properties", {}).items():
        if name in TIMES and "number" in str(field):
            schema["properties"][name] = {"type": ["string", "null"], "format": "date-time"}
