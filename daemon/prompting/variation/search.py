"""Rules of search and replace, `SEARCH => A | B`: words of a prompt that become a place to vary."""

import re
from typing import NamedTuple

from daemon.prompting.texts import cleaned, told
from daemon.prompting.variation.tables import Value
from schema.errors import Refused

MAX_SEARCH = 200


class Rule(NamedTuple):
    search: str
    """Found exactly as it stands, wherever it stands."""
    replacements: tuple[Value, ...]
    """What it may become; may be an empty text, and may hold places to vary."""


def read_rule(text: str, where: str) -> Rule:
    """`fog => mist | 2::haze |` has three replacements, one of them nothing. Raises Refused."""
    search, arrow, after = cleaned(text).partition("=>")
    search = search.strip()
    if not arrow or not search:
        raise Refused(
            f"'{told(text, 60)}' is no rule of search and replace.",
            where=where,
            remedy="Write it as SEARCH => A | B.",
        )
    if len(search) > MAX_SEARCH:
        raise Refused(f"the words looked for are longer than {MAX_SEARCH} characters.", where=where)
    return Rule(search, tuple(_value(piece.strip(), where) for piece in pieces(after)))


def pieces(text: str) -> list[str]:
    """Cut at each `|` that stands in no braces, brackets or escape."""
    found, depth, begin = [], 0, 0
    for sign in re.finditer(r"\\.|[{}\[\]|]", text):
        if sign[0] in "{[":
            depth += 1
        elif sign[0] in "}]":
            depth = max(0, depth - 1)
        elif sign[0] == "|" and not depth:
            found.append(text[begin : sign.start()])
            begin = sign.end()
    return [*found, text[begin:]]


def _value(text: str, where: str) -> Value:
    weighed = re.match(r"(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})::", text)
    if weighed:
        return Value(text[weighed.end() :], float(weighed[1]), where)
    return Value(text, 1.0, where)
