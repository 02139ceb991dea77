"""Comma-separated text, record by record, each with the place where it begins and the characters it takes.

Quotes may double themselves, hold line ends, and be preceded by spaces, as spreadsheets and SD WebUI write them.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from daemon.prompting.texts import told
from schema.errors import Refused

_BARE = re.compile(r"[^,\r\n]*")
_END = re.compile(r"\r\n|\r|\n")


class Record(NamedTuple):
    fields: tuple[str, ...]
    line: int
    """Where it begins, from 1."""
    start: int
    end: int
    """Characters of the text, with its line end."""


def records(file: str, text: str) -> Iterator[Record]:
    """Those that hold something. Raises Refused for a quote that never ends, with the place where it began."""
    at, line = 0, 1
    while at < len(text):
        start, fields = at, list[str]()
        while True:
            field, at = _field(file, text, at, start, line)
            fields.append(field)
            if text[at : at + 1] != ",":
                break
            at += 1
        found = _END.match(text, at)
        at = found.end() if found else at
        if any(field.strip() for field in fields):
            yield Record(tuple(fields), line, start, at)
        line += len(_END.findall(text, start, at))


def _field(file: str, text: str, at: int, start: int, line: int) -> tuple[str, int]:
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    if text[at : at + 1] != '"':
        found = _BARE.match(text, at)
        end = found.end() if found else at
        return text[at:end].strip(), end
    pieces, begin = list[str](), at + 1
    while True:
        end = text.find('"', begin)
        if end < 0:
            before = text[start:at]
            row = line + len(_END.findall(before))
            column = len(_END.split(before)[-1]) + 1
            raise Refused(
                "this quote never ends.", where=f"{told(file)}:{row}:{column}", remedy='Put a " where the text ends.'
            )
        pieces.append(text[begin:end])
        if text[end + 1 : end + 2] != '"':
            break
        pieces.append('"')
        begin = end + 2
    rest = _BARE.match(text, end + 1)  # what stands behind the quote belongs to it, as lax readers have it
    stop = rest.end() if rest else end + 1
    return "".join(pieces) + text[end + 1 : stop].rstrip(), stop


def quoted(field: str) -> str:
    """As a spreadsheet writes it."""
    return f'"{field.replace(chr(34), chr(34) * 2)}"' if re.search(r'[",\r\n]|^\s|\s$|^#', field) else field
