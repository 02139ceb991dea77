"""Requests made from an OpenAPI page alone: what fits its schemas, what almost does, and what fits nothing."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Json = Any

DEPTH = 4

TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "", "x", "0", "-1", "1e9", "true", "null", "../../etc/passwd", "\x00", "\u202e", "\ud83d", "a" * 300, "%00",
        "'", '"', "{", "*", "state:open", "since:2h", "stars:>=4", "run:", "tag:", "newest", "-newest",
        "2026-11-21T00:00:00Z",
    ]
)  # fmt: skip
NUMBER = st.sampled_from([0, 1, -1, 2, 100, 2**31, 2**63, -(2**63), 2**70, 0.5, -0.0, 1e300]) | st.integers(-5, 2000)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


class Page:
    """The page, read as another program would."""

    def __init__(self, document: Mapping[str, Any], words: list[str]) -> None:
        self.schemas: Mapping[str, Any] = document["components"]["schemas"]
        self.paths: Mapping[str, Mapping[str, Any]] = document["paths"]
        self.words = st.sampled_from(words) if words else TEXT
        """Names and ids of what is there."""

    def operations(self) -> list[tuple[str, str]]:
        return sorted((method.upper(), path) for path, methods in self.paths.items() for method in methods)

    def operation(self, method: str, path: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.paths[path][method.lower()]
        return found

    def fitting(self, schema: Mapping[str, Any], depth: int = DEPTH) -> st.SearchStrategy[Json]:
        """What fits. Below `depth` optional parts are left out."""
        if "$ref" in schema:
            return st.deferred(lambda: self.fitting(self.schemas[schema["$ref"].rpartition("/")[2]], depth - 1))
        for word in ("anyOf", "oneOf"):
            if word in schema:
                parts = [part for part in schema[word] if depth > 0 or "$ref" not in part] or schema[word]
                return st.one_of([self.fitting(part, depth) for part in parts])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "const" in schema:
            return st.just(schema["const"])
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return st.one_of([self.fitting({**schema, "type": kind}, depth) for kind in kinds])
        return self._of_kind(kinds, schema, depth)

    def _of_kind(self, kind: str | None, schema: Mapping[str, Any], depth: int) -> st.SearchStrategy[Json]:
        match kind:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer":
                return st.integers(schema.get("minimum", -3), schema.get("maximum", 1000)) | st.sampled_from(
                    [2**31, 2**62]
                )
            case "number":
                return st.integers(-3, 1000) | st.floats(-1e6, 1e6)
            case "string":
                return self.words | TEXT
            case "array":
                items = schema.get("prefixItems")
                if items:
                    return st.tuples(*(self.fitting(item, depth - 1) for item in items)).map(list)
                if depth <= 0:
                    return st.just([])
                return st.lists(self.fitting(schema.get("items", {}), depth - 1), max_size=3)
            case "object":
                return self._object(schema, depth)
            case _:
                return ANYTHING

    def _object(self, schema: Mapping[str, Any], depth: int) -> st.SearchStrategy[Json]:
        fields = schema.get("properties", {})
        if not fields:
            inner = schema.get("additionalProperties")
            values = self.fitting(inner, depth - 1) if isinstance(inner, Mapping) else ANYTHING
            return st.dictionaries(self.words | TEXT, values, max_size=2 if depth > 0 else 0)
        must = set(schema.get("required", ()))
        needed = {name: self.fitting(field, depth - 1) for name, field in fields.items() if name in must}
        free = {name: self.fitting(field, depth - 1) for name, field in fields.items() if name not in must}
        return st.fixed_dictionaries(needed, optional=free if depth > 0 else {})

    def almost(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
        """What fits, with one thing wrong somewhere on its first level."""

        def spoilt(value: Json, name: str, wrong: Json) -> Json:
            return {**value, name: wrong} if isinstance(value, dict) else wrong

        names = sorted(self._fields(schema)) or ["x"]
        return st.builds(spoilt, self.fitting(schema), st.sampled_from([*names, "nonsense"]), ANYTHING)

    def _fields(self, schema: Mapping[str, Any]) -> set[str]:
        if "$ref" in schema:
            return self._fields(self.schemas[schema["$ref"].rpartition("/")[2]])
        return set(schema.get("properties", {}))
