"""Files of records that come in: our own flat form, or StableNew's learning records in any of their shapes. Pure."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from daemon.learning.reading import LARGEST, read_records
from daemon.prompting.written import Json
from daemon.records import stablenew
from schema.errors import Refused
from schema.records import Record


class Incoming(NamedTuple):
    records: tuple[Record, ...]
    passed: tuple[str, ...]
    """What was passed over and why, in sentences: it is no verdict."""
    duels: int = 0


def read_incoming(name: str, text: bytes) -> Incoming:
    """All of it or nothing: a broken line is Refused with file:line:column."""
    if len(text) > LARGEST:
        raise Refused(f"has {len(text):,} bytes, and {LARGEST:,} are read at most.", where=name, remedy="Split it.")
    first = _first(text)
    if first is not None and not _is_ours(first):
        return _stablenews(name, _decoded(name, text))
    records = read_records(text, name)
    return Incoming(records, (), sum(bool(record.better_than) for record in records))


def _first(text: bytes) -> Json:
    """The first line's value, or the whole file's if that is one document; None: neither is any."""
    line = next((line for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n", 100)[:100] if line.strip()), b"")
    for piece in (line, text):
        try:
            value: Json = json.loads(piece)
        except (ValueError, RecursionError):
            continue
        return value
    return None


def _is_ours(value: Json) -> bool:
    one = value[0] if isinstance(value, list) and value else value
    return isinstance(one, dict) and not stablenew.is_stablenews(one) and ("params" in one or "id" in one)


def _decoded(name: str, text: bytes) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as torn:
        line = text.count(b"\n", 0, torn.start) + 1
        column = torn.start - text.rfind(b"\n", 0, torn.start)
        raise Refused(
            "this is no UTF-8 text.", where=f"{name}:{line}:{column}", remedy="Save the file as UTF-8."
        ) from None


def _stablenews(name: str, text: str) -> Incoming:
    found: dict[str, Record] = {}
    passed: Counter[str] = Counter()
    known = False
    for where, value in _values(name, text):
        if not stablenew.is_stablenews(value):
            passed["no record"] += 1
            continue
        known = True
        assert isinstance(value, dict)
        try:
            read = stablenew.read(value)
        except (ValueError, OverflowError) as fault:
            raise Refused(f"{fault}.", where=where, remedy="Correct the line, or leave it out.") from None
        if read.record is None:
            passed[read.why] += 1
        elif read.record.id not in found or found[read.record.id].at <= read.record.at:
            found[read.record.id] = read.record  # rated again
    if not known:
        raise Refused(
            "holds no records, neither ours nor StableNew's.", where=name,
            remedy='A record is a line like {"id": ..., "at": ..., "pack": ..., "params": {...}, "stars": 4}.',
        )  # fmt: skip
    return Incoming(tuple(found.values()), tuple(f"{times}: {why}" for why, times in passed.items()))


def _values(name: str, text: str) -> Iterator[tuple[str, Json]]:
    """With where each stands: of one document, or of lines."""
    try:
        whole = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, list):
        yield from ((f"{name}: record {number}", one) for number, one in enumerate(whole, 1))
        return
    if isinstance(whole, dict):
        yield f"{name}:1:1", whole
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"{name}:{number}:1", json.loads(line, parse_constant=_no_number)
        except json.JSONDecodeError as broken:
            where = f"{name}:{number}:{broken.colno}"
            raise Refused(
                f"this is no JSON: {broken.msg}.", where=where, remedy="Correct it, or leave it out."
            ) from None
        except ValueError as constant:
            where = f"{name}:{number}:{max(line.find(str(constant)), 0) + 1}"
            raise Refused(f"{constant} is no number that JSON knows.", where=where) from None
        except RecursionError:
            raise Refused("this is nested too deeply.", where=f"{name}:{number}:1") from None


def _no_number(word: str) -> Json:
    raise ValueError(word)
