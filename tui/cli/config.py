"""`config`: where things live, and the settings with their faults. No daemon is needed."""

import os
from typing import TYPE_CHECKING

from tui.cli import output
from tui.cli.child import passing
from tui.cli.tree import JSON, Verb, argument

if TYPE_CHECKING:
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


VERBS = {
    "path": Verb(path, "Where settings, packs, log, socket and results lie.", (JSON,)),
    "show": passing(("config-show",), "The settings in force: file, environment and defaults.", JSON),
    "validate": passing(
        ("config-validate",),
        "Check the settings file, or another; each fault with its line and field.",
        argument("FILE", "Default: the settings file.", often="?"),
        JSON,
    ),
    "schema": passing(("config-schema",), "The JSON Schema of the settings file.", JSON),
}
