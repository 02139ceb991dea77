"""Logs that were written once and are never edited: they decode, encode and fold as on their first day, for ever.

`tests/golden/vN.jsonl` holds one row of the table `events` per line, blobs as hex and the event's JSON as text;
`vN.states.json` the state's hash behind some seqs, per state version. A new event, or a new field of one, comes with a
new file in which it is filled.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import inspect

from daemon.log.chain import Head, walk
from daemon.log.fold import CORE
from daemon.log.rows import draft, envelopes
from daemon.log.store import LogInLoop
from daemon.log.tables import COLUMNS, Row, reader
from schema.events import Envelope, Event

GOLDEN = Path(__file__).parent.parent / "golden"
LOGS = sorted(GOLDEN.glob("v*.jsonl"))


def rows_of(path: Path) -> list[Row]:
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        columns = json.loads(line)
        columns["data"] = columns["data"].encode()
        for blob in ("digest", "hash"):
            columns[blob] = bytes.fromhex(columns[blob]) if columns[blob] is not None else None
        rows.append(tuple(columns[name] for name in COLUMNS.split(",")))  # type: ignore[arg-type]
    return rows


def told(rows: list[Row]) -> list[Envelope]:
    return envelopes((row[0], row[1], row[2], row[5], row[6], *row[7:13]) for row in rows)


@pytest.fixture(params=LOGS, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_the_chain_holds(golden: Path) -> None:
    rows = rows_of(golden)
    assert walk(rows, Head(0, bytes(32))) == (Head(len(rows), rows[-1][-1]), None)


def test_every_event_of_a_current_version_is_written_as_it_was(golden: Path) -> None:
    for row, envelope in zip(rows_of(golden), told(rows_of(golden)), strict=True):
        written = draft(envelope)
        if written[5] == row[6]:
            assert written == (*row[:4], *row[5:13])


@pytest.mark.damages  # the two oldest were written by hand: their second start keeps the epoch of the first
async def test_the_log_of_today_writes_the_same_rows(golden: Path, tmp_path: Path) -> None:
    rows = rows_of(golden)
    log = LogInLoop(tmp_path / "events.db")
    await log.append(told(rows))
    await log.close()
    db = reader(tmp_path / "events.db")
    written = db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq").fetchall()
    db.close()
    if all(new[6] == old[6] for new, old in zip(written, rows, strict=True)):
        assert written == rows


def test_it_folds_to_the_same_states(golden: Path) -> None:
    states = json.loads(golden.with_suffix(".states.json").read_text())
    assert str(CORE.version) in states, f"note the states of version {CORE.version} in {golden.stem}.states.json"
    wanted = states[str(CORE.version)]
    state = CORE.empty()
    found = {}
    for envelope in told(rows_of(golden)):
        CORE.apply(state, envelope)
        if str(envelope.seq) in wanted:
            found[str(envelope.seq)] = CORE.hash(state)
    assert found == wanted, "the fold has changed: raise STATE_VERSION and note the new states beside the old"


def test_every_state_survives_its_snapshot(golden: Path) -> None:
    events = told(rows_of(golden))
    state = CORE.empty()
    for envelope in events:
        CORE.apply(state, envelope)
        again = CORE.revive(CORE.canonical(state))
        assert CORE.canonical(again) == CORE.canonical(state), envelope.seq
    for cut in range(0, len(events), 7):
        head = CORE.revive(CORE.canonical(CORE.onto(CORE.empty(), events[:cut])))
        assert CORE.hash(CORE.onto(head, events[cut:])) == CORE.hash(state), cut


# Nothing is left out ------------------------------------------------------------------------------


def filled(value: object) -> Iterator[tuple[str, str]]:
    """Struct and field, for every field in `value` that is written: those that differ from their defaults."""
    if isinstance(value, msgspec.Struct):
        kind = type(value)
        written = msgspec.to_builtins(value)
        for field in inspect.type_info(kind).fields:  # type: ignore[attr-defined]
            if field.encode_name in written:
                yield kind.__name__, field.name
            yield from filled(getattr(value, field.name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from filled(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from filled(item)


def reachable() -> set[tuple[str, str]]:
    """Struct and field, for everything an event can hold."""
    found: set[tuple[str, str]] = set()
    open_types: list[Any] = [inspect.type_info(kind) for kind in get_args(Event)]
    seen: set[type] = set()
    while open_types:
        match open_types.pop():
            case inspect.StructType(cls=kind, fields=fields) if kind not in seen:
                seen.add(kind)
                found |= {(kind.__name__, field.name) for field in fields}
                open_types += [field.type for field in fields]
            case inspect.UnionType(types=types):
                open_types += types
            case inspect.DictType(value_type=item) | inspect.VarTupleType(item_type=item):
                open_types.append(item)
    return found


def test_every_event_and_every_field_is_in_one_of_them() -> None:
    there: set[tuple[str, str]] = set()
    types: set[str] = set()
    for path in LOGS:
        for envelope in told(rows_of(path)):
            there.update(filled(envelope.event))
            types.add(type(envelope.event).__name__)
    assert {kind.__name__ for kind in get_args(Event)} - types == set(), "write a new golden log that holds these"
    assert reachable() - there == set(), "write a new golden log in which these are filled"
