"""The text of `config.toml` and the environment, read into settings; every fault names the line or the variable. Pure.

`STABLENEW_SECTION__NAME=VALUE` overrides `[section] name`; deeper tables go on with `__`. Daemon, command line and
screens all read it here, so that none takes what another refuses.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from schema.errors import Refused
from schema.faults import sentence
from schema.plans import Scalar
from schema.printable import nearest, told
from schema.settings import SECRETS, Settings

PREFIX = "STABLENEW_"

MOST_BYTES = 65_536
"""A larger file is none that a person wrote."""

Tree = dict[str, Any]
"""What TOML and the environment say, before it is checked."""


class Loaded(NamedTuple):
    settings: Settings
    origins: dict[str, str]
    """`daemon.retries` to `config.toml:12` or the variable's name; what is missing here is a default."""


def loaded(path: PurePath, text: str, env: Mapping[str, str]) -> Loaded:
    """`path` is only told. Raises Refused with `config.toml:LINE` or the variable's name."""
    tree = parsed(path, text)
    origins = {key: f"{path.name}:{line}" for key, line in lines(text).items() if _has(tree, key)}
    for name, keys, value in _variables(env):
        _check_name(name, keys)
        _put(tree, keys, value, name)
        origins[".".join(keys)] = name
    try:
        return Loaded(Settings.model_validate(tree), origins)
    except ValidationError as fault:
        raise Refused(
            sentence(fault, tree, Settings), where=_where(fault, origins, path), remedy="Fix it there."
        ) from None


def shown(settings: Settings) -> Tree:
    """Every setting in its table, as people and programs may see it: of a secret only that it is set."""
    tree: Tree = settings.model_dump(mode="json")
    for secret in SECRETS:
        section, name = secret.split(".")
        if tree[section][name] is not None:
            tree[section][name] = SET
    for hook in tree["hooks"].values():
        if hook["token"] is not None:
            hook["token"] = SET
    return tree


SET = "set"


def table(settings: Settings) -> dict[str, Scalar]:
    """The same flat: `daemon.retries` to its value. Lists and empty tables do not occur as leaves."""
    flat: dict[str, Scalar] = {}
    _flatten(shown(settings), "", flat)
    return flat


def parsed(path: PurePath, text: str) -> Tree:
    """Raises Refused with the line where it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        message, _, place = str(fault).partition(" (at ")
        line = re.search(r"line (\d+)", place)
        number = int(line[1]) if line else text.count("\n") + 1
        raise Refused(
            f"broken TOML: {told(message[:1].lower() + message[1:])}.",
            where=f"{path}:{number}",
            remedy="Fix it there; text needs quotes.",
        ) from None
    except RecursionError:
        raise Refused("is nested too deep.", where=str(path), remedy="Check that it is the right file.") from None


KEY_LINE = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
HEAD_LINE = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")


def lines(text: str) -> dict[str, int]:
    """Where each key stands, from 1, as far as a reader of lines can tell; good enough to point a person there."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        header = HEAD_LINE.match(line)
        if header:
            section = bare(header[1])
            found.setdefault(section, number)
            continue
        key = KEY_LINE.match(line)
        if key:
            name = bare(key[1])
            found[f"{section}.{name}" if section else name] = number
    return found


PART = re.compile(r"""\s*("[^"]*"|'[^']*'|[^.]+)\s*(?:\.|$)""")


def parts(dotted: str) -> tuple[str, ...]:
    """`ui . "queue.cancel"` -> `ui`, `queue.cancel`."""
    return tuple(part.strip().strip("\"'") for part in PART.findall(dotted))


def bare(dotted: str) -> str:
    return ".".join(parts(dotted))


def _variables(env: Mapping[str, str]) -> list[tuple[str, tuple[str, ...], str]]:
    """Name, keys and value of each override. `STABLENEW_HOME` and the like hold no `__` and are none."""
    return [
        (name, tuple(name.removeprefix(PREFIX).lower().split("__")), value)
        for name, value in sorted(env.items())
        if name.startswith(PREFIX) and "__" in name.removeprefix(PREFIX)
    ]


def _check_name(name: str, keys: tuple[str, ...]) -> None:
    """A misspelt variable is refused, not overlooked."""
    here: type[BaseModel] | None = Settings
    for key in keys:
        if here is None:
            return
        if key not in here.model_fields:
            raise Refused(f"there is no setting '{told(key, 40)}'.", where=name, remedy=nearest(key, here.model_fields))
        inner = here.model_fields[key].annotation
        here = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _put(tree: Tree, keys: tuple[str, ...], value: str, name: str) -> None:
    here = tree
    for key in keys[:-1]:
        inner = here.setdefault(key, {})
        if not isinstance(inner, dict):
            raise Refused(f"'{told(key, 40)}' is no table in config.toml.", where=name)
        here = inner
    here[keys[-1]] = value


def _has(tree: Tree, key: str) -> bool:
    """Also of a name with dots of its own, as those of the keymap."""
    if key in tree:
        return True
    parts = key.split(".")
    for n in range(1, len(parts)):
        inner = tree.get(".".join(parts[:n]))
        if isinstance(inner, dict) and _has(inner, ".".join(parts[n:])):
            return True
    return False


def _where(fault: ValidationError, origins: Mapping[str, str], path: PurePath) -> str:
    """The line or variable nearest to the faulty field; a whole table's line for what is missing in it."""
    parts = [str(part) for part in fault.errors(include_url=False)[0]["loc"]]
    while parts:
        origin = origins.get(".".join(parts))
        if origin:
            return origin.replace(path.name, str(path), 1) if origin.startswith(f"{path.name}:") else origin
        parts.pop()
    return str(path)


def _flatten(value: object, name: str, flat: dict[str, Scalar]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _flatten(item, f"{name}.{key}" if name else str(key), flat)
    elif value is None or isinstance(value, str | int | float | bool):
        flat[name] = value
    else:
        flat[name] = str(value)
