"""Reads a file of records: JSON lines in the flat form of `schema.records.Record`. Strict in what it takes, and pure.

What a person may leave out (`session`, `prompt`, `seed`, `run`, `tags`) is filled in; what nobody knows is left aside.
A line that is wrong is one sentence with its line, its column and the remedy.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import NoReturn

import msgspec

from schema.errors import Refused
from schema.plans import Scalar
from schema.records import LOOSE, Record, Settings

LARGEST = 256 * 1024 * 1024
"""Bytes of a file: a hundred times more than a hundred people rate in a year."""

_HUGE = 1e300

_WHOLE = "a whole number"
_WORDS = "words in quotation marks"
_KINDS = {
    "id": _WORDS, "at": "a time in quotation marks, 2026-05-01T20:15:00Z", "session": f"{_WORDS}, or {_WHOLE}",
    "pack": _WORDS, "prompt": _WORDS, "seed": _WHOLE, "run": _WORDS, "params": 'an object: {"steps": 30}',
    "stars": f"{_WHOLE} from 1 to 5", "tags": 'a list of words: ["too noisy"]', "backend": _WORDS,
    "better_than": _WORDS, "tie": "true or false", "whole": "true or false",
}  # fmt: skip

Nested = dict[str, object]


class _Line(msgspec.Struct, kw_only=True):
    """As it may stand in a file; without the settings."""

    id: str | int
    stars: int | float | None = None
    at: str | int | float = ""
    session: str | int | None = None
    pack: str | None = None
    prompt: str | None = None
    seed: int | float | None = None
    run: str | int | None = None
    tags: tuple[str, ...] | None = None
    backend: str | None = None
    better_than: str | int | None = None
    tie: bool | None = None
    whole: bool | None = None
    made: str | int | float | None = None


class _Flat(_Line, kw_only=True):
    params: Settings


class _Nested(_Line, kw_only=True):
    params: Nested


def read_records(text: bytes, name: str) -> tuple[Record, ...]:
    """In the order of the lines; empty lines and a byte order mark are passed over. Raises Refused."""
    if len(text) > LARGEST:
        raise Refused(
            f"the file has {len(text)} bytes, and at most {LARGEST} are read",
            where=name,
            remedy="Leave out old records.",
        )
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Refused("the file is written in UTF-16", where=f"{name}:1:1", remedy="Save it as UTF-8.")
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    decoder, again = msgspec.json.Decoder(_Flat), msgspec.json.Decoder(_Nested)
    records: list[Record] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, 1):
        if line.isspace() or not line:
            continue
        try:
            records.append(_decoded(line, decoder, again))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _Wrong) as fault:
            _complain(line, f"{name}:{number}", fault)
        numbers.append(number)
    _check_taken_back(records, numbers, lines, name)
    return tuple(records)


class _Wrong(Exception):
    """What is wrong with a field, which decodes but means nothing."""

    def __init__(self, field: str, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.field, self.sentence, self.remedy = field, sentence, remedy


def _decoded(line: bytes, decoder: msgspec.json.Decoder[_Flat], again: msgspec.json.Decoder[_Nested]) -> Record:
    """Most lines hold settings without others inside, which is read faster."""
    try:
        flat = decoder.decode(line)
    except msgspec.ValidationError:
        nested = again.decode(line)
        return _record(nested, _flat(nested.params))
    return _record(flat, flat.params)


def _record(line: _Line, params: Settings) -> Record:
    name = str(line.id)
    if not name:
        raise _Wrong("id", "id is empty", "Give the picture a name of its own.")
    duel = "" if line.better_than is None else str(line.better_than)
    if duel == name:
        raise _Wrong("better_than", "a picture is said to be better than itself", "Name the other picture.")
    return Record(
        id=name,
        at=_time(line.at),
        session="" if line.session is None else str(line.session),
        pack=line.pack or LOOSE,
        prompt=line.prompt or "",
        seed=_seed(line),
        run="" if line.run is None else str(line.run),
        params=params,
        stars=_stars(line.stars, bool(duel)),
        tags=line.tags or (),
        backend=line.backend or "",
        better_than=duel,
        tie=bool(line.tie) and bool(duel),
        whole=bool(line.whole),
        made=_time(line.made, "made") if line.made else "",
    )


def _stars(stars: int | float | None, duel: bool) -> int:
    if stars is None:
        if duel:
            return 0
        raise _Wrong("stars", "stars is missing", "Give a whole number from 1 to 5.")
    if not 0 <= stars <= 5 or stars != int(stars):
        told = f"{stars:g}" if abs(stars) < 1e6 else "a huge number"
        raise _Wrong("stars", f"stars is {told}", "Ratings are whole numbers from 1 to 5.")
    return int(stars)


def _seed(line: _Line) -> int:
    """Without one, nobody knows that two pictures share their luck: each gets a number of its own."""
    if line.seed is None:
        return -int.from_bytes(sha256(str(line.id).encode("utf-8", "surrogatepass")).digest()[:6], "big") - 2
    if abs(line.seed) > _HUGE or line.seed != int(line.seed):
        told = f"{line.seed:g}" if abs(line.seed) < _HUGE else "a huge number"
        raise _Wrong("seed", f"seed is {told}", "Seeds are whole numbers.")
    return int(line.seed)


def _time(at: str | int | float, field: str = "at") -> str:
    """UTC. A time without a zone is taken as UTC, a number as Unix seconds."""
    try:
        if not isinstance(at, str):
            return datetime.fromtimestamp(at, UTC).isoformat()
        moment = datetime.fromisoformat(at)
        if at.endswith("Z"):
            return at
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        wrong = f"{field} is {at!r}" if at != "" else f"{field} is missing"
        told = "rated" if field == "at" else "made"
        raise _Wrong(field, wrong, f"Tell when it was {told} as 2026-05-01T20:15:00Z.") from None


def _flat(params: Nested, above: str = "") -> Settings:
    """Settings inside settings are named `stage.field`."""
    flat: dict[str, Scalar] = {}
    for key, value in params.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}.")
        elif value is None or isinstance(value, str | int | float):
            flat[name] = value
        else:
            raise _Wrong(key, f"{name} in params is a list", "Give each of its entries a name and a value of its own.")
    return flat


def _check_taken_back(records: Sequence[Record], numbers: Iterable[int], lines: Sequence[bytes], name: str) -> None:
    """No stars take a rating back, or say how a picture of a duel was made: where there is neither, a person meant
    something else."""
    rated = {record.id for record in records if record.stars}
    rated |= {each for record in records if record.better_than for each in (record.id, record.better_than)}
    for record, number in zip(records, numbers, strict=True):
        if not record.stars and not record.better_than and record.id not in rated:
            wrong = _Wrong("stars", "stars is 0", "Ratings are whole numbers from 1 to 5.")
            _complain(lines[number - 1], f"{name}:{number}", wrong)


# What is wrong, in a sentence --------------------------------------------------------------------


def _complain(line: bytes, where: str, fault: Exception) -> NoReturn:
    """Raises Refused for a line that cannot be read."""
    if isinstance(fault, _Wrong):
        raise Refused(fault.sentence, where=f"{where}:{_column(line, fault.field)}", remedy=fault.remedy) from None
    try:
        text = line.decode()
    except UnicodeDecodeError as torn:
        raise Refused(
            "this is no UTF-8 text", where=f"{where}:{torn.start + 1}", remedy="Save the file as UTF-8."
        ) from None
    import json

    try:
        said = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as broken:
        raise Refused(
            f"this is no JSON: {_lower(broken.msg)}", where=f"{where}:{broken.colno}", remedy="Each line is one record."
        ) from None
    except _Constant as constant:
        word = str(constant)
        at = re.search(rf"[:,\[]\s*(?={word})", text)
        raise Refused(
            f"{word} is no number that JSON knows", where=f"{where}:{at.end() + 1 if at else 1}",
            remedy="Leave the line out.",
        ) from None  # fmt: skip
    except ValueError:
        raise Refused("a number has too many digits", where=f"{where}:1", remedy="Leave the line out.") from None
    except RecursionError:
        raise Refused("this is nested too deeply", where=f"{where}:1", remedy="Each line is one flat record.") from None
    _complain_of_fields(said, line, where, fault)


def _complain_of_fields(said: object, line: bytes, where: str, fault: Exception) -> NoReturn:
    if not isinstance(said, dict):
        raise Refused(
            f"this is {_kind(said)}, and a record is an object", where=f"{where}:1",
            remedy='Write one record per line: {"id": ..., "at": ..., "pack": ..., "params": {...}, "stars": 4}.',
        )  # fmt: skip
    for field in ("id", "params"):
        if field not in said:
            raise Refused(f"{field} is missing", where=f"{where}:1", remedy=f"Give {_KINDS[field]}.")
    found = re.search(r"at `\$\.(\w+)", str(fault))
    field = found[1] if found else ""
    column = _column(line, field)
    if "out of range" in str(fault):
        raise Refused("a number is too large", where=f"{where}:{column}", remedy="Write the number that was used.")
    if field not in _KINDS:
        raise Refused("there is half a letter", where=f"{where}:1", remedy="Write letters, or both halves of each.")
    raise Refused(f"{field} is {_kind(said.get(field))}", where=f"{where}:{column}", remedy=f"Give {_KINDS[field]}.")


class _Constant(Exception):
    """NaN and the infinities, which other programs write."""


def _no_constant(word: str) -> NoReturn:
    raise _Constant(word)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the words {value[:40]!r}"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return f"the number {value}"


def _column(line: bytes, field: str) -> int:
    """Of the field's name, from 1, in letters; 1 where it is not there."""
    text = line.decode("utf-8", "replace")
    found = re.search(rf'"{re.escape(field)}"\s*:', text)
    return found.start() + 1 if found else 1


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:].rstrip(".")
