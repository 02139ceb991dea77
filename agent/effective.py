"""The config a stage was really run with: every field, nested ones flattened, so that it fits a record."""

import hashlib
from collections.abc import Mapping

import msgspec
from pydantic import BaseModel

from schema.plans import Scalar


def flattened(config: BaseModel, used: Mapping[str, Scalar] = {}) -> dict[str, Scalar]:
    """All fields but `id`, `type` and `enabled`, which are the step's and not the setting's; `used` goes over them.

    `hires.scale` for a part's field, `a, b` for a list of names, JSON text for a list of parts, None for what is
    empty. A workflow's graph is long and stands in the order: here its digest does.
    """
    flat: dict[str, Scalar] = {}
    for name, value in config.model_dump(mode="json", exclude={"id", "type", "enabled"}).items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": _scalar(each) for inner, each in value.items()})
        else:
            flat[name] = _scalar(value)
    graph = flat.get("workflow.graph")
    if isinstance(graph, str) and graph:
        flat["workflow.graph"] = "sha256:" + hashlib.sha256(graph.encode()).hexdigest()
    return flat | dict(used)


def _scalar(value: object) -> Scalar:
    if isinstance(value, list | tuple | dict):
        if not value:
            return None
        if all(isinstance(each, str) for each in value):
            return ", ".join(str(each) for each in value)
        return msgspec.json.encode(value).decode()
    assert value is None or isinstance(value, str | int | float)
    return value
