"""Commands as values: what each takes, how its words are read, and its help. Nothing here asks a daemon.

`argparse` reads the words (click costs a third of what `--help` may take, more where it was never compiled);
a noun's file is loaded only when one of its verbs is called.
"""

import argparse
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple, NoReturn

from schema.errors import Refused


class Take(NamedTuple):
    """One argument or option. `dest` is the name of the verb function's parameter."""

    flags: tuple[str, ...]
    """Empty for an argument."""
    dest: str
    about: str
    metavar: str = ""
    kind: Callable[[str], object] = str
    action: str = "store"
    often: str = ""
    """Of an argument: `?` at most one, `*` any number, `+` at least one."""
    default: object = None
    choices: tuple[str, ...] = ()
    required: bool = False


class Verb(NamedTuple):
    run: Callable[..., int]
    """Called with a keyword per `Take`; the exit code."""
    about: str
    """First line: what it does. Further lines: what one must know."""
    takes: tuple[Take, ...] = ()
    passes: bool = False
    """Called with `words` alone, as typed: another program reads them again. Here they are only checked."""


class Entry(NamedTuple):
    """A name on the first level and where its verb or verbs are."""

    module: str
    about: str
    attribute: str = "VERBS"


def argument(name: str, about: str, *, dest: str = "", often: str = "", kind: Callable[[str], object] = str) -> Take:
    return Take((), dest or name.lower(), about, name, kind, often=often)


def option(
    flags: str,
    metavar: str,
    about: str,
    *,
    dest: str = "",
    kind: Callable[[str], object] = str,
    default: object = None,
    choices: tuple[str, ...] = (),
    required: bool = False,
) -> Take:
    names = tuple(flags.split())
    return Take(names, dest or _dest(names), about, metavar, kind, "store", "", default, choices, required)


def options(flags: str, metavar: str, about: str, *, dest: str = "") -> Take:
    """May be given several times; the values in order."""
    names = tuple(flags.split())
    return Take(names, dest or _dest(names), about, metavar, action="append", default=())


def flag(flags: str, about: str, *, dest: str = "") -> Take:
    names = tuple(flags.split())
    return Take(names, dest or _dest(names), about, action="store_true", default=False)


def switch(flags: str, about: str) -> Take:
    """`--wait` and `--no-wait`; None when neither was given."""
    names = tuple(flags.split())
    return Take(names, _dest(names), about, action="switch")


def _dest(names: tuple[str, ...]) -> str:
    return next(name for name in names if name.startswith("--"))[2:].replace("-", "_")


JSON = flag("--json", "One line on stdout, one JSON document.", dest="as_json")
KEY = option("--key", "KEY", "Idempotency key: the same key and body is the same answer and one event.")
PAGE = (
    option("--limit", "N", "Show at most N; the total counts all.", kind=int, default=50),
    option("--offset", "N", "Skip the first N.", kind=int, default=0),
)
AS_OF = option("--as-of", "WHEN", "As it was then: a seq, an ISO time or an age (`2h`).")
JSONL = flag("--jsonl", "One JSON document per line.", dest="as_jsonl")


class Call(NamedTuple):
    """What the words ask for: a verb with its arguments, or help."""

    path: tuple[str, ...]
    verb: Verb | Mapping[str, Verb] | None
    """None: the first level itself."""
    values: dict[str, object]
    help: bool = False


def read(words: list[str], root: Mapping[str, Entry]) -> Call:
    """Raises Refused with what is wrong and where the right words are listed."""
    if not words or words[0] in ("-h", "--help"):
        return Call((), None, {}, help=bool(words))
    name, *rest = words
    if name not in root:
        raise _unknown(name, tuple(root), ())
    found = load(root[name])
    path: tuple[str, ...] = (name,)
    if not isinstance(found, Verb):
        if not rest or rest[0] in ("-h", "--help"):
            return Call(path, found, {}, help=True)
        if rest[0] not in found:
            raise _unknown(rest[0], tuple(found), path)
        found, path, rest = found[rest[0]], (name, rest[0]), rest[1:]
    before_dashes = rest[: rest.index("--")] if "--" in rest else rest
    if "--help" in before_dashes or "-h" in before_dashes:
        return Call(path, found, {}, help=True)
    values = parse(found, path, rest)
    return Call(path, found, {"words": rest} if found.passes else values)


def load(entry: Entry) -> Verb | Mapping[str, Verb]:
    found: Verb | Mapping[str, Verb] = getattr(import_module(entry.module), entry.attribute)
    return found


def parse(verb: Verb, path: tuple[str, ...], words: list[str]) -> dict[str, object]:
    parser = _Parser(path)
    for take in verb.takes:
        _add(parser, take)
    # A value that looks like an option needs `--name=-x`; options and arguments may be mixed.
    return vars(parser.parse_intermixed_args(words))


class _Parser(argparse.ArgumentParser):
    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(prog=" ".join(("stablenew", *path)), add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise Refused(_in_words(message), where=self.prog, remedy=f"`{self.prog} --help` lists what it takes.")


_SAYINGS = (
    (r"argument (\S+): invalid int value: (.*)", r"\1: \2 is no whole number"),
    (r"argument (\S+): invalid float value: (.*)", r"\1: \2 is no number"),
    (r"argument (\S+): invalid choice: (.*) \(choose from (.*)\)", r"\1: \2 is not one of \3"),
    (r"argument (\S+): expected (?:at least )?one argument", r"\1 needs a value"),
    (r"the following arguments are required: (.*)", r"this is missing: \1"),
    (r"unrecognized arguments: (.*)", r"there is no \1"),
)
"""What argparse says, and what we say instead."""


def _in_words(message: str) -> str:
    for theirs, ours in _SAYINGS:
        if found := re.fullmatch(theirs, message, re.DOTALL):
            return found.expand(ours)
    return message


def _add(parser: _Parser, take: Take) -> None:
    if not take.flags:
        default = () if take.often in ("*", "+") else None
        if take.often:
            parser.add_argument(
                take.dest, metavar=take.metavar, nargs=take.often, type=take.kind, default=default
            )  # fmt: skip
        else:
            parser.add_argument(take.dest, metavar=take.metavar, type=take.kind)
    elif take.action == "store_true":
        parser.add_argument(*take.flags, dest=take.dest, action="store_true")
    elif take.action == "switch":
        parser.add_argument(*take.flags, dest=take.dest, action=argparse.BooleanOptionalAction)
    elif take.action == "append":
        parser.add_argument(*take.flags, dest=take.dest, metavar=take.metavar, action="append", default=[])
    else:
        parser.add_argument(
            *take.flags, dest=take.dest, metavar=take.metavar, type=take.kind, default=take.default,
            choices=take.choices or None, required=take.required,
        )  # fmt: skip


def _unknown(name: str, known: tuple[str, ...], path: tuple[str, ...]) -> Refused:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    hint = f"Did you mean `{' '.join(('stablenew', *path, near[0]))}`? " if near else ""
    return Refused(
        f"there is no command {name!r}", where=" ".join(("stablenew", *path)),
        remedy=f"{hint}`{' '.join(('stablenew', *path))} --help` lists all.",
    )  # fmt: skip
