"""A FILTER as SQL: one condition per key for each of the three lists. Every value is bound, none is written in."""

import re
from typing import NamedTuple

from daemon.views.filters import Filter, Since, Stars
from daemon.views.fold.statement import Value
from daemon.views.tables import OPEN


class Where(NamedTuple):
    sql: str
    """`1` when everything matches."""
    values: tuple[Value, ...] = ()


Condition = tuple[str, tuple[Value, ...]]


def jobs_where(wanted: Filter) -> Where:
    """On table `jobs`."""
    return _all(
        _any_of("jobs.state", _opened(wanted.states)),
        _any_of("jobs.run", wanted.runs),
        _any_of("jobs.id", wanted.jobs),
        _names("jobs.pack", wanted.packs),
        _node("jobs.node", wanted.nodes),
        _names("jobs.model", wanted.models),
        *_starred("jobs.stars", wanted.stars),
        *(("EXISTS (SELECT 1 FROM images JOIN tags ON tags.image = images.id WHERE images.job = jobs.id"
           " AND tags.tag = ?)", (tag,)) for tag in wanted.tags),
        _since("jobs", wanted.since),
        _in_texts("jobs.n", "n", wanted.words),
    )  # fmt: skip


def images_where(wanted: Filter, *, final: bool) -> Where:
    """On `images`, with `jobs` joined. The trash is seen only when asked for."""
    states = [state for state in _opened(wanted.states) if state != "trashed"]
    return _all(
        ("images.trashed = ?", (int("trashed" in wanted.states),)),
        (f"{'+' if wanted.stars else ''}images.final = 1", ()) if final else None,  # +: look by stars, they are rarer
        _any_of("jobs.state", states),
        _any_of("images.run", wanted.runs),
        _any_of("images.job", wanted.jobs),
        _names("images.pack", wanted.packs),
        _node("images.node", wanted.nodes),
        _names("images.model", wanted.models),
        *_starred("images.stars", wanted.stars),
        *(("EXISTS (SELECT 1 FROM tags WHERE image = images.id AND tag = ?)", (tag,)) for tag in wanted.tags),
        _since("images", wanted.since),
        _in_texts("images.job", "j.id", wanted.words),
    )


def runs_where(wanted: Filter) -> Where:
    """On table `runs`. A job's state finds the runs that have such a job."""
    of_jobs = "EXISTS (SELECT 1 FROM jobs WHERE run = runs.id AND {})"
    of_images = "EXISTS (SELECT 1 FROM images WHERE run = runs.id AND {})"
    return _all(
        _either([_run_state(state) for state in wanted.states]),
        _any_of("runs.id", wanted.runs),
        _nested(of_jobs, _any_of("jobs.id", wanted.jobs)),
        _either([
            (f"EXISTS (SELECT 1 FROM json_each(runs.packs) WHERE {sql})", values)
            for sql, values in (_name("value", pack) for pack in wanted.packs)
        ]),
        _nested(of_jobs, _node("jobs.node", wanted.nodes)),
        _nested(of_jobs, _names("jobs.model", wanted.models)),
        *(_nested(of_images, condition) for condition in _starred("images.stars", wanted.stars)),
        *((of_images.format("id IN (SELECT image FROM tags WHERE tag = ?)"), (tag,)) for tag in wanted.tags),
        _since("runs", wanted.since),
        *_words("runs.words", wanted.words),
    )  # fmt: skip


def _run_state(state: str) -> Condition:
    match state:
        case "open":
            return "runs.ended IS NULL", ()
        case "active" | "paused" | "held" | "finished":
            return "runs.state = ?", (state,)
        case "failed" | "cancelled" | "attention":
            return f"runs.{state} > 0", ()
        case _:
            return "runs.ended IS NULL AND EXISTS (SELECT 1 FROM jobs WHERE run = runs.id AND state = ?)", (state,)


def _opened(states: tuple[str, ...]) -> list[str]:
    found = [each for state in states for each in (OPEN if state == "open" else (state,))]
    return list(dict.fromkeys(found))


def _any_of(column: str, values: tuple[str, ...] | list[str]) -> Condition | None:
    if not values:
        return None
    return f"{column} IN ({', '.join('?' * len(values))})", tuple(values)


def _names(column: str, names: tuple[str, ...]) -> Condition | None:
    return _either([_name(column, name) for name in names])


def _name(column: str, name: str) -> Condition:
    """`*` stands for anything: `pack:knight*`."""
    return (f"{column} GLOB ?", (name,)) if "*" in name else (f"{column} = ?", (name,))


def _node(column: str, names: tuple[str, ...]) -> Condition | None:
    return _either([(f"{column} IN (SELECT id FROM nodes WHERE id = ? OR name = ?)", (name, name)) for name in names])


def _starred(column: str, wanted: tuple[Stars, ...]) -> list[Condition]:
    """The second half tells SQLite that the index of rated rows will do."""
    rated = {">": 0, ">=": 1, "=": 1}
    return [
        (f"{column} {how} ? AND {column} > 0" if stars >= rated.get(how, 9) else f"{column} {how} ?", (stars,))
        for how, stars in wanted
    ]


def _since(table: str, since: Since | None) -> Condition | None:
    if since is None:
        return None
    return (f"{table}.n >= ?", (since.seq,)) if since.seq is not None else (f"{table}.created >= ?", (since.at,))


def _in_texts(column: str, found: str, words: tuple[str, ...]) -> Condition | None:
    """The jobs in whose text all words occur. One look at each text, whatever else is asked."""
    if not words:
        return None
    conditions = _words("words", words)
    likes = " AND ".join(sql for sql, _ in conditions)
    sql = f"{column} IN (SELECT {found} FROM texts CROSS JOIN jobs AS j USING (n) WHERE {likes})"
    return sql, tuple(value for _, values in conditions for value in values)


def _words(column: str, words: tuple[str, ...]) -> list[Condition]:
    patterns = [re.sub(r"([\\%_])", r"\\\1", word) for word in words]
    return [(f"{column} LIKE ? ESCAPE '\\'", (f"%{pattern}%",)) for pattern in patterns]


def _nested(frame: str, condition: Condition | None) -> Condition | None:
    return None if condition is None else (frame.format(condition[0]), condition[1])


def _either(conditions: list[Condition]) -> Condition | None:
    if not conditions:
        return None
    return "(" + " OR ".join(sql for sql, _ in conditions) + ")", tuple(v for _, values in conditions for v in values)


def _all(*conditions: Condition | None) -> Where:
    real = [condition for condition in conditions if condition is not None]
    if not real:
        return Where("1")
    return Where(" AND ".join(sql for sql, _ in real), tuple(value for _, values in real for value in values))
