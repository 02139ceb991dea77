"""Every setting there is, in order: what it is for, what it may be, what it is by default. Pure.

Made from the models of `schema/settings.py` and the words beneath their fields, as docs/settings.md is: a new setting
is here from the day it can be written.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schema import settings as schema_settings
from schema import stages
from schema.configured import Tree
from schema.plans import Scalar
from schema.settings import Settings
from tui.link.annotations import Limits, told

Sort = Literal["flag", "choice", "number", "text", "list", "secret"]

SECRETS = ("auth", "token", "civitai_token", "huggingface_token")

LEFT_OUT = ("video.id", "video.type", "video.enabled", "ui.keymap")
"""What nobody sets, and the keys: they have a list of their own."""

LATER = ("ui.mouse", "ui.truecolor")
"""Of the screens' own settings those that need another start of the screen; its others are obeyed at once."""


class Setting(NamedTuple):
    key: str
    """`daemon.retries`."""
    sort: Sort
    choices: tuple[str, ...] = ()
    limits: str = ""
    """In words: `1 to 20`."""
    default: Scalar = None
    empty: bool = False
    """It may be nothing."""
    whole: bool = False
    """A number without a fraction."""
    about: str = ""

    @property
    def section(self) -> str:
        """What stands in brackets above it."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        return self.key.rpartition(".")[2]


def every(tree: Tree) -> tuple[Setting, ...]:
    """`tree`: as `schema.configured.shown` tells it; it says which tables with names of their own there are."""
    return tuple(one for one in _of(Settings, "", tree) if one.key not in LEFT_OUT)


def about_section(section: str) -> str:
    """What the table is for, in words; empty where its name says it."""
    here: type[BaseModel] | None = Settings
    for part in section.split("."):
        here = _inner(here, part) if here is not None else None
    return _words().get(here.__name__, {}).get("", "") if here is not None else ""


def when(key: str) -> str:
    """When a change of it is obeyed, in words."""
    if not key.startswith("ui."):
        return "when the daemon starts again"
    return "when this screen starts again" if key in LATER else "at once"


def path_of(key: str) -> tuple[str, ...]:
    """`ui.keymap.queue.cancel` -> `ui`, `keymap`, `queue.cancel`: names of one's own may hold dots."""
    parts = key.split(".")
    here: type[BaseModel] | None = Settings
    path: list[str] = []
    while parts:
        info = here.model_fields.get(parts[0]) if here is not None else None
        path.append(parts.pop(0))
        kind = info.annotation if info is not None else None
        if get_origin(kind) is dict and parts:
            inner = get_args(kind)[1]
            named = isinstance(inner, type) and issubclass(inner, BaseModel)
            path.append(parts.pop(0) if named else ".".join(parts))
            parts = parts if named else []
            here = inner if named else None
        else:
            here = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    return tuple(path)


def _inner(model: type[BaseModel], part: str) -> type[BaseModel] | None:
    info = model.model_fields.get(part)
    kind = info.annotation if info is not None else None
    if get_origin(kind) is dict:
        kind = get_args(kind)[1]
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _of(model: type[BaseModel], prefix: str, tree: Mapping[str, object]) -> Iterator[Setting]:
    for name, info in model.model_fields.items():
        key, here = prefix + name, tree.get(name)
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _of(kind, f"{key}.", here if isinstance(here, dict) else {})
        elif get_origin(kind) is dict:
            yield from _named(get_args(kind)[1], key, here if isinstance(here, dict) else {})
        else:
            yield _setting(key, info, _words().get(model.__name__, {}).get(name, ""))


def _named(kind: object, key: str, tables: Mapping[str, object]) -> Iterator[Setting]:
    """Of tables that people name."""
    for name, table in tables.items():
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _of(kind, f"{key}.{name}.", table if isinstance(table, dict) else {})
        elif key != "ui.keymap":
            yield Setting(f"{key}.{name}", "text", about="Its preset, by name.")


def _setting(key: str, info: FieldInfo, about: str) -> Setting:
    said = told(info.annotation, info.metadata)
    default = info.default if isinstance(info.default, str | int | float | bool) else None
    name = key.rpartition(".")[2]
    sort: Sort
    if name in SECRETS:
        sort = "secret"
    elif tuple in said.kinds:
        sort = "list"
    elif said.choices:
        sort = "choice"
    elif bool in said.kinds:
        sort = "flag"
    else:
        sort = "number" if said.kinds & {int, float} else "text"
    return Setting(key, sort, said.choices, _range(said.limits), default, said.empty, float not in said.kinds, about)


def _range(limits: Limits) -> str:
    high = "" if limits.high is None else f"{limits.high:,.15g}"
    if limits.least:
        return f"{limits.least} to {high}" if high else f"{limits.least} or more"
    return f"at most {high}" if high else ""


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    """Class to field to the words beneath it; the class's own beneath an empty name."""
    found: dict[str, dict[str, str]] = {}
    for module in (schema_settings, stages):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                beneath = {"": " ".join((ast.get_docstring(node) or "").split())}
                for item, after in zip(node.body, node.body[1:], strict=False):
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                        beneath[item.target.id] = _text(after)
                found[node.name] = beneath
    return found


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""
