"""What may come next on a command line: commands, options, and names that the daemon knows. Nothing here is printed.

No daemon is started for it and none is waited for long: where nobody answers there are only the words of the commands.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from schema.errors import NoDaemon, Refused
from tui.cli import ask, output, tree
from tui.cli.tree import Entry, Take, Verb
from tui.link.query import Query

PATIENCE = 1.0
"""Seconds that somebody who pressed tab is kept waiting for the daemon."""

MANY = 100
"""Names of one kind that are offered."""

Word = tuple[str, str]
"""What may stand there, and what it is."""

FILES = ("FILE", "FOLDER", "PATH", "DIR")
SHELF = ("pack", "pipeline", "preset", "profile", "wildcard", "style", "template", "overlay", "workflow")
"""Nouns of which the daemon lists the names, as `/v1/NOUNs`."""

FILTER = tuple(f"{key}:" for key in ("state", "run", "pack", "node", "model", "stars", "tag", "since"))
STATES = ("open", "queued", "held", "running", "finished", "failed", "cancelled", "attention")
SHELLS = ("bash", "zsh", "fish")
MODES = ("share", "warm", "free")


class Next(NamedTuple):
    words: tuple[Word, ...] = ()
    files: bool = False
    """Names of files may stand there as well."""

    @property
    def kind(self) -> Literal["words", "files", "part"]:
        """`part`: the word goes on behind each of them, so that no space may follow."""
        parts = bool(self.words) and all(word[-1:] in "=.:" for word, _ in self.words)
        return "files" if self.files else "part" if parts else "words"


def after(line: str, root: Mapping[str, Entry]) -> Next:
    """`line`: what was typed so far, the name of the program first."""
    *before, word = split(line)[1:] or [""]
    found = _next(before, word, root)
    return Next(tuple(sorted({w: a for w, a in found.words if w.startswith(word)}.items())), found.files)


def split(line: str) -> list[str]:
    """As a shell splits it; a quote may still be open. The last word is empty behind a space."""
    words, word, quote, begun = list[str](), "", "", False
    letters = iter(line)
    for letter in letters:
        if letter == "\\" and quote != "'":
            word, begun = word + next(letters, ""), True
        elif quote:
            word, quote = (word, "") if letter == quote else (word + letter, quote)
        elif letter in "'\"":
            quote, begun = letter, True
        elif letter.isspace():
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + letter, True
    return [*words, word]


def _next(before: list[str], word: str, root: Mapping[str, Entry]) -> Next:
    if not before:
        return Next((*((name, entry.about) for name, entry in root.items()), ("--help", ""), ("--version", "")))
    if before[0] not in root:
        return Next()
    found = tree.load(root[before[0]])
    if isinstance(found, Verb):
        return _of_verb(before[0], found, before[1:], word)
    if len(before) == 1:
        return Next(tuple((name, verb.about.partition("\n")[0]) for name, verb in found.items()))
    return _of_verb(before[0], found[before[1]], before[2:], word) if before[1] in found else Next()


def _of_verb(noun: str, verb: Verb, rest: list[str], word: str) -> Next:
    options = {flag: take for take in verb.takes for flag in take.flags}
    if rest and _takes_value(options.get(rest[-1])):
        return _values(noun, options[rest[-1]], word)
    flag, equals, value = word.partition("=")
    if equals and _takes_value(options.get(flag)):
        found = _values(noun, options[flag], value)
        return Next(tuple((f"{flag}={one}", about) for one, about in found.words))
    flags = tuple(_flags(verb, rest))
    if word.startswith("-"):
        return Next(flags)
    place = _place(verb, rest, options)
    found = _values(noun, place, word) if place is not None else Next()
    return found if found.words or found.files or word else Next(flags)


def _takes_value(take: Take | None) -> bool:
    return take is not None and take.action in ("store", "append")


def _flags(verb: Verb, rest: list[str]) -> Iterator[Word]:
    """Those that were not given yet; some may be given again."""
    for take in verb.takes:
        if take.flags and (take.action == "append" or not set(take.flags) & set(rest)):
            long = next((flag for flag in take.flags if flag.startswith("--")), take.flags[0])
            yield long, take.about
            if take.action == "switch":
                yield f"--no-{long[2:]}", take.about
    yield "--help", ""


def _place(verb: Verb, rest: list[str], options: Mapping[str, Take]) -> Take | None:
    """The argument that the next bare word is."""
    bare = [
        one
        for before, one in zip(["", *rest], rest, strict=False)
        if not one.startswith("-") and not _takes_value(options.get(before))
    ]
    arguments = [take for take in verb.takes if not take.flags]
    for number, take in enumerate(arguments):
        if take.often in ("*", "+") or number == len(bare):
            return take
    return None


def _values(noun: str, take: Take, word: str) -> Next:
    if take.choices:
        return Next(tuple((choice, "") for choice in take.choices))
    metavar, name = take.metavar, take.flags[-1].lstrip("-") if take.flags else ""
    files = any(part in FILES for part in metavar.split("|"))
    if metavar.startswith("STAGE.FIELD"):
        return Next(tuple(_fields(word)))
    if all(part.islower() for part in metavar.split("|")):  # `off|passive|active`
        return Next(tuple((part, "") for part in metavar.split("|")))
    shelf = name if name in SHELF else noun if noun in SHELF and metavar == "NAME" else ""
    if "PACK" in metavar.split("|"):
        return Next(_named("/v1/packs"), files=not name and noun in ("run", "plan"))
    if shelf:
        return Next(_named(f"/v1/{shelf}s"), files)
    return Next(tuple(_known(noun, name, metavar, word)), files)


def _known(noun: str, name: str, metavar: str, word: str) -> Iterable[Word]:
    """What is neither of the library nor a file."""
    parts = metavar.split()[0].split("|") if metavar else []
    if metavar == "SHELL":
        yield from ((shell, "") for shell in SHELLS)
    if metavar == "MODE" and noun == "queue":
        yield from ((mode, "") for mode in MODES)
    if metavar == "STAGE":
        yield from ((kind, "") for kind in _stages())
    if metavar == "KEY" and noun == "config":
        yield from ((key, "") for key in _settings())
    if "NODE" in parts or name == "node" or (noun == "node" and metavar == "NAME"):
        yield from _rows("/v1/nodes", None, "name", "state")
    if name == "backend" and metavar == "NAME":
        yield from ((one, "") for one in _backends())
    if "JOB" in parts:
        yield from _rows("/v1/jobs", {"limit": MANY, "sort": "newest"}, "id", "name")
    if "RUN" in parts:
        yield from _rows("/v1/runs", {"limit": MANY, "sort": "newest"}, "id", "name")
    if "ID" in parts and noun == "image":
        yield from _rows("/v1/images", {"limit": MANY, "sort": "newest"}, "id", "name")
    if noun == "model" and "NAME" in parts:
        yield from _rows("/v1/models", {"limit": MANY, "filter": word or None}, "name", "list")
    if "FILTER" in parts:
        begun = word.startswith("state:")
        yield from ((f"state:{state}", "") for state in STATES if begun)
        yield from ((key, "") for key in FILTER if not begun)


def _fields(word: str) -> Iterator[Word]:
    """`txt2img.`, then `txt2img.steps=`, then what that field may be."""
    stages = _stages()
    stage, dot, rest = word.partition(".")
    fields = stages.get(stage.rstrip("0123456789"), {}) | stages.get(stage, {})
    field, equals, value = rest.partition("=")
    if not dot:
        yield from ((f"{kind}.", "") for kind in stages)
    elif not equals:
        yield from ((f"{stage}.{name}=", "") for name in fields)
    else:
        known = fields.get(field) or tuple(one for one, _ in _resources(f"{field}s", value))
        yield from ((f"{stage}.{field}={one}", "") for one in known)


def _stages() -> dict[str, dict[str, tuple[str, ...]]]:
    """Every kind of stage with its fields, and what a field may be where that is a few words."""
    from typing import get_args

    from schema.stages import Stage

    def words(annotation: object) -> tuple[str, ...]:
        if annotation is bool:
            return ("true", "false")
        return tuple(one for part in get_args(annotation) for one in ([part] if isinstance(part, str) else words(part)))

    found = {}
    for kind in get_args(Stage):
        fields = kind.model_fields
        name = str(fields["type"].default)
        found[name] = {one: words(field.annotation) for one, field in fields.items() if one not in ("type", "id")}
    return found


def _settings() -> Iterator[str]:
    """`ui.theme` and the like; not those in tables of a person's own."""
    from pydantic import BaseModel

    from schema.settings import Settings

    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{section}.{name}" for name in field.annotation.model_fields)


# Names that the daemon knows ------------------------------------------------------------------------


def _named(route: str) -> tuple[Word, ...]:
    try:
        found = ask.daemon().get(route, patience=PATIENCE).texts("items")
    except (NoDaemon, Refused):
        return ()
    return tuple((output.clean(name), "") for name in found[:MANY])


def _rows(route: str, query: Query | None, field: str, about: str) -> Iterator[Word]:
    try:
        rows = ask.daemon().get(route, query, patience=PATIENCE).docs("items")
    except (NoDaemon, Refused):
        return
    yield from ((output.clean(row.text(field)), output.clean(row.text(about))) for row in rows if row.text(field))


def _resources(list_: str, word: str) -> Iterator[Word]:
    yield from _rows("/v1/resources", {"list": list_, "filter": word or None, "limit": MANY}, "name", "list")


def _backends() -> tuple[str, ...]:
    try:
        nodes = ask.daemon().get("/v1/nodes", patience=PATIENCE).docs("items")
    except (NoDaemon, Refused):
        return ()
    return tuple(sorted({output.clean(name) for node in nodes for name in node.texts("backends")}))
