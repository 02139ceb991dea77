"""The verb `library`: list, show, save, edit, rename, delete, restore, import and export what people wrote. Needs no
daemon.

    library VERB KIND [NAME] [FILE|TO] [--replace] [--json]     KIND: pack pipeline preset profile workflow
                                                                    wildcard style template overlay

The daemon reads the folders fresh, so it sees the change at its next look.
"""

import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from daemon.library import edits
from daemon.library.files import read_text, write_text
from daemon.library.kinds import ENDINGS, Entry, Kind, largest
from daemon.library.shelf import FolderShelf
from daemon.library.taking import WORDS, sync, take_kind
from daemon.prompting.texts import cleaned, nearest, suffix, told
from schema.errors import Exit, Refused, why
from schema.pages import iso


class Asked(NamedTuple):
    shelf: FolderShelf
    kind: Kind
    words: list[str]
    replace: bool
    json: bool

    def word(self, place: int, what: str) -> str:
        if place >= len(self.words):
            raise Refused(f"{what} is missing.", where=f"{self.kind}")
        return self.words[place]


def run(shelf: FolderShelf, words: list[str], as_json: bool) -> int:
    """Raises Refused. `words` as in the module's first lines, `--json` taken out."""
    plain = [word for word in words if word != "--replace"]
    verb, kind = (*plain, "", "")[:2]
    if verb not in VERBS:
        raise Refused(f"there is no verb '{told(verb, 40)}'.", where="library", remedy=nearest(verb, VERBS))
    if kind not in ENDINGS:
        raise Refused(f"there are no {told(kind, 40)}s in the library.", where="library", remedy=nearest(kind, ENDINGS))
    most, work = VERBS[verb]
    if len(plain) > most + 2:
        raise Refused(
            f"'{told(plain[most + 2], 40)}' is one word too many.", where=f"{kind} {verb}", remedy="Leave it out."
        )
    work(Asked(shelf, kind, plain[2:], "--replace" in words, as_json))
    return Exit.DONE


def _list(asked: Asked) -> None:
    """What is broken is told on stderr; the others are there all the same."""
    items = list(_items(asked.shelf, asked.kind))
    troubles = asked.shelf.troubles(asked.kind)
    for trouble in troubles:
        print(cleaned(trouble), file=sys.stderr)
    if asked.json:
        warnings = [cleaned(trouble) for trouble in troubles]
        print(json.dumps({"items": items, "total": len(items), "warnings": warnings}))
    width = min(40, max((len(told(str(item["name"]))) for item in items), default=0))
    for item in () if asked.json else items:
        about = "comes with the program" if item["builtin"] else item.get("prompt") or item["path"]
        print(f"{told(str(item['name'])):<{width}}  {told(str(about), 160)}")


def _items(shelf: FolderShelf, kind: Kind) -> Iterator[dict[str, str | int | bool | None]]:
    """Wildcards and styles one by one, whichever files they stand in."""
    if kind == "wildcard":
        tables = shelf.tables()
        for name in shelf.names(kind):
            place = tables.place(name)
            yield {
                "name": name,
                "kind": kind,
                "path": place.path if place else None,
                "builtin": not place or place.builtin,
            }
    elif kind == "style":
        for style in sorted(shelf.styles(), key=lambda style: style.name.casefold()):
            entry = shelf.style_file(style.name)
            path = str(entry.path) if entry else None
            yield {
                "name": style.name, "kind": kind, "path": path, "builtin": bool(entry and entry.builtin),
                "prompt": style.prompt, "negative": style.negative,
            }  # fmt: skip
    else:
        yield from map(_as_json, shelf.entries(kind))


def _show(asked: Asked) -> None:
    file = asked.shelf.text(asked.kind, asked.word(0, "the name"))
    if asked.json:
        print(json.dumps({"name": file.name, "text": file.text}))
    else:
        print(cleaned(file.text).rstrip("\n"))


def _save(asked: Asked) -> None:
    """From a file, or from stdin with `-` or without one. Takes the place of one of the same name."""
    name = asked.word(0, "the name")
    text = _read(asked, asked.words[1] if len(asked.words) > 1 else "-")
    _told(asked, "saved", asked.shelf.save(asked.kind, name, text))


def _import(asked: Asked) -> None:
    """Called as its file unless a name is given; byte for byte. Replaces only with `--replace`."""
    file = asked.word(0, "the file")
    name = asked.words[1] if len(asked.words) > 1 else Path(file).name
    if len(asked.words) > 1 and suffix(file) in ENDINGS[asked.kind] and suffix(name) not in ENDINGS[asked.kind]:
        name += suffix(file)
    if Path(file).is_dir():
        _import_all(asked, Path(file))
        return
    text = _read(asked, file)
    raw = Path(file).read_bytes() if file != "-" and asked.kind != "style" else None
    _told(asked, "imported", asked.shelf.save(asked.kind, name, text, replace=asked.replace, raw=raw))


def _import_all(asked: Asked, root: Path) -> None:
    """A whole folder: what is broken is told, and the rest comes in. Raises Refused where nothing did."""
    found = list(take_kind(asked.shelf, asked.kind, root, asked.replace))
    sync(found)
    for one in found:
        if one.why:
            print(cleaned(one.why), file=sys.stderr)
    counts = Counter[str](one.outcome for one in found)
    if not counts["taken"] and not counts["there"]:
        raise Refused(f"no {asked.kind} came in.", where=told(str(root), 200), remedy="Check what is in the folder.")
    names = [one.name for one in found if one.outcome == "taken"]
    more = ", ".join(f"{counts[outcome]} {word}" for outcome, word in WORDS.items() if counts[outcome])
    told_more = f" ({more})" if more else ""
    whole = {"kind": asked.kind, "names": names, "counts": counts}
    print(json.dumps(whole) if asked.json else f"imported {len(names)} {asked.kind}s{told_more}")


def _export(asked: Asked) -> None:
    """As it is on disk, to a file or to stdout; an existing file is replaced only with `--replace`."""
    text = asked.shelf.text(asked.kind, asked.word(0, "the name")).text
    if len(asked.words) < 2 or asked.words[1] == "-":
        sys.stdout.write(text)
        return
    path = Path(asked.words[1]).absolute()
    if path.exists() and not asked.replace:
        raise Refused("is there already.", where=told(str(path), 200), remedy="Take another file, or add --replace.")
    write_text(path, text)
    print(json.dumps({"path": str(path)}) if asked.json else told(str(path), 300))


def _rename(asked: Asked) -> None:
    entry = asked.shelf.rename(asked.kind, asked.word(0, "the name"), asked.word(1, "the new name"))
    _told(asked, "renamed", entry)


def _delete(asked: Asked) -> None:
    name = asked.word(0, "the name")
    asked.shelf.delete(asked.kind, name)
    back = f"`stablenew {asked.kind} restore {told(shlex.quote(name))}` brings it back."
    print(json.dumps({"deleted": name}) if asked.json else f"deleted {asked.kind} {told(name)}; {back}")


def _restore(asked: Asked) -> None:
    _told(asked, "restored", asked.shelf.bring_back(asked.kind, asked.word(0, "the name")))


def _edit(asked: Asked) -> None:
    """One change of a pack, as JSON; without it in the editor."""
    change = asked.words[1] if len(asked.words) > 1 else None
    _told(asked, "saved", edits.edit(asked.shelf, asked.kind, asked.word(0, "the name"), change))


VERBS: dict[str, tuple[int, Callable[[Asked], None]]] = {
    "list": (0, _list),
    "show": (1, _show),
    "save": (2, _save),
    "edit": (2, _edit),
    "rename": (2, _rename),
    "delete": (1, _delete),
    "restore": (1, _restore),
    "import": (2, _import),
    "export": (2, _export),
}
"""Each with how many words it takes after the kind."""


def _read(asked: Asked, file: str) -> str:
    most = largest(asked.kind)
    if file == "-":
        text = sys.stdin.read(most + 1)
        if len(text) > most:
            raise Refused(f"is larger than {most // 1000} kB.", where="stdin", remedy="Check what is sent.")
        return text
    try:
        return read_text(Path(file), most)
    except OSError as fault:
        raise Refused(f"cannot be read: {why(fault)}.", where=told(file, 200), remedy="Check the path.") from None


def _told(asked: Asked, verb: str, entry: Entry) -> None:
    print(json.dumps(_as_json(entry)) if asked.json else f"{verb} {asked.kind} {told(entry.name)} as {entry.path}")


def _as_json(entry: Entry) -> dict[str, str | int | bool | None]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "path": str(entry.path) if entry.path else None,
        "builtin": entry.builtin,
        "bytes": entry.bytes,
        "modified": iso(entry.modified) if entry.modified else None,
    }
