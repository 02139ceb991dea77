"""`config`: where things live, the settings with their faults, and changing one. No daemon is needed."""

import json
import os
from typing import TYPE_CHECKING

from schema.errors import Exit
from tui.cli import output
from tui.cli.child import passing
from tui.cli.tree import JSON, Verb, argument

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def path(as_json: bool) -> int:
    found = paths()
    if as_json:
        output.put_json(found)
    else:
        output.put(output.pairs({name: where or "" for name, where in found.items()}))
    return 0


def paths() -> dict[str, str | None]:
    """Every folder and file by name, absolute. `socket` is None while no daemon has written one down."""
    from schema.places import places
    from tui.link.endpoint import socket_of

    where = places(os.environ)
    return {
        "config": str(where.config),
        "settings": str(where.settings),
        "packs": str(where.packs),
        "data": str(where.data),
        "artifacts": str(where.artifacts),
        "state": str(where.state),
        "log": str(where.log),
        "views": str(where.views),
        "logs": str(where.logs),
        "socket": socket_of(os.environ),
        "backups": _named("backup", where.settings, where.backups),
        "results": _named("results", where.settings, where.results),
    }


def _named(section: str, settings: "Path", default: "Path") -> str:
    """The settings may name another folder in this section; the environment wins over the file."""
    import tomllib
    from pathlib import Path

    folder: object = os.environ.get(f"STABLENEW_{section.upper()}__FOLDER")
    if not folder:
        try:
            table = tomllib.loads(settings.read_text()).get(section)
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            table = None  # `config validate` says what is wrong
        folder = table.get("folder") if isinstance(table, dict) else None
    return str(Path(folder).expanduser().absolute() if isinstance(folder, str) and folder else default)


def put(key: str, value: str, as_json: bool) -> int:
    return _changed(key, value, as_json)


def unset(key: str, as_json: bool) -> int:
    return _changed(key, None, as_json)


def _changed(key: str, value: str | None, as_json: bool) -> int:
    from schema.places import places
    from tui.link.configfile import change
    from tui.link.settingsheet import when

    config = change(places(os.environ).settings, os.environ, key, value)
    if config.fault is not None:
        raise config.fault  # of the environment: the file has been read back before it was written
    origin = config.origins.get(key, "default")
    if as_json:
        output.put_json({"key": key, "value": config.value(key), "origin": origin, "path": str(config.path)})
        return 0
    if key in config.values:
        output.put(f"{key} = {json.dumps(config.value(key), ensure_ascii=False)}  # {origin}")
    if origin.startswith("STABLENEW_"):
        output.tell(f"The file was changed, but {origin} is set and stands above it.")
    else:
        output.tell(f"This is obeyed {when(key)}.")
    return 0


def validate(words: list[str]) -> int:
    """The daemon's program knows the settings, the screen's the themes: those are looked at where there are any."""
    from importlib import import_module

    from schema.places import places
    from tui.cli.child import become

    folder = places(os.environ).themes
    if all(word.startswith("-") for word in words) and folder.exists():
        # By name: nothing here loads textual, unless there is a theme to be judged.
        faults_of: Callable[[Path], list[str]] = import_module("tui.themes").faults_of
        if faults := faults_of(folder):
            if "--json" in words:
                output.put_json({"ok": False, "path": str(folder), "error": faults[0]})
            for fault in faults:
                output.tell(fault)
            return Exit.REFUSED
    return become("config-validate", *words)


VERBS = {
    "path": Verb(path, "Where settings, packs, log, socket and results lie.", (JSON,)),
    "show": passing(("config-show",), "The settings in force: file, environment and defaults.", JSON),
    "validate": Verb(
        validate,
        "Check the settings file, or another; each fault with its line and field.",
        (argument("FILE", "Default: the settings file, and the themes beside it.", often="?"), JSON),
        passes=True,
    ),
    "set": Verb(
        put,
        "Write one setting into the settings file; its other lines stay as they are.",
        (
            argument("KEY", "Its name: `daemon.retries`, `ui.theme`, `hooks.sleep.url`."),
            argument("VALUE", "Lists: separated by commas. A table: {name = value}."),
            JSON,
        ),
    ),
    "unset": Verb(
        unset,
        "Take one setting out of the settings file, so that its default holds again.",
        (argument("KEY", "Its name; of a table of your own, all of it: `hooks.sleep`."), JSON),
    ),
    "schema": passing(("config-schema",), "The JSON Schema of the settings file.", JSON),
}
