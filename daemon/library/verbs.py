"""Verbs that need no daemon: `pack-check`, `library`, `config-show`, `config-validate`, `config-schema`.

Data on stdout, talk on stderr; with `--json` stdout is one line.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from daemon.library import shelving, takings
from daemon.library.files import read_text
from daemon.library.settings import load, table
from daemon.library.shelf import FolderShelf
from daemon.prompting import tokens
from daemon.prompting.packs import PRIORITY, read_list, read_pack
from daemon.prompting.texts import MAX_TEXT, cleaned, told
from schema.errors import Exit, Refused, why
from schema.packs import Pack
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


class _Checked(NamedTuple):
    path: Path
    pack: Pack | None = None
    members: dict[str, tuple[str, ...]] | None = None
    error: str = ""


def _pack_check(asked: _Asked) -> int:
    """Every pack in the files and folders named; exit 2 when one of them is broken."""
    if not asked.words:
        raise Refused("which packs?", where="pack check", remedy="Name files or folders.")
    results = [_check(path) for word in asked.words for path in _paths(Path(word))]
    for result in results:
        if result.error:
            print(cleaned(result.error), file=sys.stderr)
    if asked.json:
        ok = not any(result.error for result in results)
        print(json.dumps({"ok": ok, "packs": [_as_json(result) for result in results]}))
    else:
        for result in results:
            _print_checked(result)
    return Exit.REFUSED if any(result.error for result in results) else Exit.DONE


def _paths(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.suffix.lower() in PRIORITY and one.is_file())
        if not found:
            raise Refused("holds no packs.", where=told(str(path), 200), remedy="Packs end in .txt, .tsv or .json.")
        return found
    return [path]


def _check(path: Path) -> _Checked:
    try:
        text = read_text(path, MAX_TEXT)
        members = read_list(str(path), text)
        return _Checked(path, members=members) if members is not None else _Checked(path, read_pack(str(path), text))
    except OSError as fault:
        sentence = f"{told(str(path), 200)}: cannot be read: {why(fault)}."
        return _Checked(path, error=f"{sentence} Check the path.")
    except Refused as refused:
        return _Checked(path, error=refused.told())


def _as_json(result: _Checked) -> dict[str, object]:
    pack = result.pack
    return {
        "path": str(result.path.absolute()),
        "ok": not result.error,
        "error": cleaned(result.error) or None,
        "name": pack.name if pack else None,
        "dialect": pack.dialect if pack else "list" if result.members is not None else None,
        "prompts": len(pack.prompts) if pack else 0,
        "slots": _slots(pack) if pack else [],
        "warnings": list(pack.warnings) if pack else [],
        "lists": {name: list(members) for name, members in (result.members or {}).items()},
    }


def _slots(pack: Pack) -> list[str]:
    found = [name for prompt in pack.prompts for name in tokens.slots(f"{prompt.text}\n{prompt.negative}")]
    return list(dict.fromkeys([*found, *(slot.name for slot in pack.matrix.slots)]))


def _print_checked(result: _Checked) -> None:
    if result.pack:
        count = len(result.pack.prompts)
        print(f"{told(str(result.path), 200)}: {count} prompt{'s' if count != 1 else ''}, {result.pack.dialect}")
        for warning in result.pack.warnings:
            print(f"  {told(warning, 300)}")
    elif result.members is not None:
        names = ", ".join(f"{told(name, 60)} ({len(members)})" for name, members in result.members.items())
        print(f"{told(str(result.path), 200)}: lists of packs: {names}")


def _library(asked: _Asked) -> int:
    here = _places()
    if asked.words[:1] == ["take"]:
        return takings.run(FolderShelf(here), here.data / "learning" / "imported", asked.words[1:], asked.json)
    return shelving.run(FolderShelf(here), asked.words, asked.json)


def _config_show(asked: _Asked) -> int:
    here = _places()
    loaded = load(here.settings, os.environ)
    values = table(loaded.settings)
    origins = {name: loaded.origins.get(name, "default") for name in values}
    if asked.json:
        shown = {"path": str(here.settings), "settings": loaded.settings.model_dump(mode="json"), "origins": origins}
        print(json.dumps(shown))
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
    "config-show": _config_show,
    "config-validate": _config_validate,
    "config-schema": _config_schema,
}

OPTIONS: dict[str, tuple[str, ...]] = {"library": ("--replace", "-")}
"""What a verb knows besides `--json`; `-` is stdin or stdout in the place of a file."""
