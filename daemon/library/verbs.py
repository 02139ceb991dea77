"""Verbs that need no daemon: `pack-check`, `library`, `translate`, `config-show`, `config-validate`, `config-schema`.

Data on stdout, talk on stderr; with `--json` stdout is one line.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from daemon.library import checking, shelving, takings, translating
from daemon.library.settings import load
from daemon.library.shelf import FolderShelf
from daemon.prompting.texts import cleaned, told
from schema.configured import shown, table
from schema.errors import Exit, Refused
from schema.places import Places, places
from schema.settings import Settings


class _Asked(NamedTuple):
    words: list[str]
    json: bool


def main(argv: list[str]) -> int:
    """Exit code; a refusal is one sentence on stderr."""
    verb, asked = (argv or [""])[0], _Asked([word for word in argv[1:] if word != "--json"], "--json" in argv)
    run = VERBS.get(verb)
    try:
        if run is None:
            raise Refused(f"there is no verb '{told(verb, 40)}'.", remedy=f"There are: {', '.join(VERBS)}.")
        known = OPTIONS.get(verb, ())
        unknown = next((word for word in asked.words if word.startswith("-") and word not in known), None)
        if unknown is not None:
            remedy = f"There are: {', '.join(('--json', *known))}."
            raise Refused(f"there is no option '{told(unknown, 40)}'.", where=verb, remedy=remedy)
        return run(asked)
    except Refused as refused:
        print(cleaned(refused.told()), file=sys.stderr)
        return Exit.REFUSED


def _pack_check(asked: _Asked) -> int:
    return checking.run(asked.words, asked.json)


def _library(asked: _Asked) -> int:
    here = _places()
    if asked.words[:1] == ["take"]:
        return takings.run(FolderShelf(here), here.data / "learning" / "imported", asked.words[1:], asked.json)
    return shelving.run(FolderShelf(here), asked.words, asked.json)


def _translate(asked: _Asked) -> int:
    return translating.run(asked.words, asked.json)


def _config_show(asked: _Asked) -> int:
    here = _places()
    loaded = load(here.settings, os.environ)
    values = table(loaded.settings)
    origins = {name: loaded.origins.get(name, "default") for name in values}
    if asked.json:
        whole = {"path": str(here.settings), "settings": shown(loaded.settings), "origins": origins}
        print(json.dumps(whole))
        return Exit.DONE
    for name, value in values.items():
        print(f"{name} = {json.dumps(value, ensure_ascii=False)}  # {origins[name]}")
    return Exit.DONE


def _config_validate(asked: _Asked) -> int:
    if len(asked.words) > 1:
        raise Refused("takes one file at most.", where="config validate", remedy="Name one.")
    path = Path(asked.words[0]) if asked.words else _places().settings
    if asked.words and not path.is_file():
        raise Refused("there is no such file.", where=told(str(path), 200), remedy="Check the path.")
    try:
        load(path, os.environ)
    except Refused as refused:
        if asked.json:
            print(json.dumps({"ok": False, "path": str(path.absolute()), "error": cleaned(refused.told())}))
        raise
    if asked.json:
        print(json.dumps({"ok": True, "path": str(path.absolute()), "error": None}))
    else:
        there = "is in order" if path.is_file() else "does not exist; the defaults are in order"
        print(f"{told(str(path), 200)} {there}")
    return Exit.DONE


def _config_schema(asked: _Asked) -> int:
    """JSON Schema of the settings file, for editors."""
    print(json.dumps(Settings.model_json_schema(), indent=None if asked.json else 2))
    return Exit.DONE


def _places() -> Places:
    return places(os.environ)


VERBS: dict[str, Callable[[_Asked], int]] = {
    "pack-check": _pack_check,
    "library": _library,
    "translate": _translate,
    "config-show": _config_show,
    "config-validate": _config_validate,
    "config-schema": _config_schema,
}

OPTIONS: dict[str, tuple[str, ...]] = {"library": ("--replace", "-"), "translate": translating.OPTIONS}
"""What a verb knows besides `--json`; `-` is stdin or stdout in the place of a file."""
