"""`python -P -m daemon what-if ...`: plays the log's last night again with another fleet, mode or policy.

Reads the log through a read-only connection; the daemon may run beside it.
"""

import argparse
import os
import re
import sqlite3
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from daemon.core.night import Change, Extra, Night
from daemon.core.outlook import Outlook
from daemon.core.playing import INFINITE, Played, play
from daemon.core.rules import rules_of
from daemon.library.settings import load_settings
from daemon.log.faults import Unusable
from daemon.log.reading import read_log
from daemon.log.tables import reader
from daemon.log.when import seq_at
from daemon.scheduling.fifo import first_in_first_out
from daemon.scheduling.policy import pick
from schema.errors import Exit, Refused, why
from schema.ids import RunId
from schema.pages import iso
from schema.places import places

ALL = 10**9
"""Every stage is played by itself."""

ASSUMED = (
    "Both lines are played: the policy meets the same jobs as they came, each stage takes what it really took, and on"
    " another node what was learned of that node in proportion.",
    "Nothing was paused, held, moved or lost on the way, and no node came or went.",
    "Nothing is loaded anywhere at the beginning.",
)


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    run: str
    name: str
    really: str | None
    """When its last stage really ended."""
    was: str | None
    """When it ends as played with the fleet as it was; None: never."""
    then: str | None
    """The same with the change."""
    sooner_s: float | None


class NodeOutcome(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    name: str
    stages_was: int | None
    """None: it was not there."""
    stages_then: int | None
    busy_was: float | None
    """Part of the time until the last stage ends."""
    busy_then: float | None
    loads_was: int | None
    loads_then: int | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    since: str
    stages: int
    really_s: float
    """From the first assignment to the end of the last stage, as it was."""
    makespan_was_s: float
    makespan_then_s: float | None
    """None: something of it can never run."""
    live_wait_was_s: float | None
    """Median of how long interactive requests waited; None: there were none."""
    live_wait_then_s: float | None
    change: str
    runs: tuple[RunOutcome, ...]
    nodes: tuple[NodeOutcome, ...]
    assumed: tuple[str, ...] = ASSUMED


class _Asked(NamedTuple):
    change: Change
    policy: str
    since: str
    json: bool


def main(words: list[str]) -> int:
    """The exit code. A document on stdout, complaints on stderr."""
    try:
        args = _parser().parse_args(words[1:])
    except SystemExit as usage:
        return int(usage.code or 0)
    try:
        asked = _asked(args)
        outcome = _outcome(asked)
    except Refused as refused:
        sys.stderr.write(f"{refused.told()}\n")
        return Exit.REFUSED
    except (Unusable, sqlite3.Error, OSError) as fault:
        words_ = str(fault) if isinstance(fault, Unusable) else f"the log cannot be read: {why(fault)}."
        sys.stderr.write(f"{words_}\n")
        return Exit.FAILED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    sys.stdout.write((msgspec.json.encode(outcome).decode() if asked.json else "\n".join(told(outcome))) + "\n")
    return Exit.DONE


def told(outcome: Outcome) -> list[str]:
    """The outcome in words."""
    was, then = outcome.makespan_was_s, outcome.makespan_then_s
    lines = [
        f"{outcome.stages} stages since {outcome.since[:16].replace('T', ' ')} UTC; they really took"
        f" {_span(outcome.really_s)}. Played again as it was: {_span(was)}."
    ]
    if then is None:
        lines.append(f"With {outcome.change}: some of it could never run.")
    else:
        saved = was - then
        verdict = "no different" if abs(saved) < 1 else f"{_span(abs(saved))} {'sooner' if saved > 0 else 'LATER'}"
        lines.append(f"With {outcome.change}: {_span(then)}, {verdict}.")
    if outcome.live_wait_was_s is not None and outcome.live_wait_then_s is not None:
        lines.append(
            f"Interactive requests wait {outcome.live_wait_was_s:.1f} s for a node as it was,"
            f" {outcome.live_wait_then_s:.1f} s then (median)."
        )
    for run in outcome.runs:
        end = "never" if run.then is None else run.then[11:16]
        by = "" if not run.sooner_s or abs(run.sooner_s) < 1 else f" ({_by(run.sooner_s)})"
        lines.append(f"  {run.name}: done {run.was[11:16] if run.was else 'never'} -> {end}{by}")
    for node in outcome.nodes:
        lines.append(f"  {node.name}: {_use(node.stages_was, node.busy_was, node.loads_was)} -> "
                     f"{_use(node.stages_then, node.busy_then, node.loads_then)}")  # fmt: skip
    return [*lines, *(f"Assumed: {one}" for one in outcome.assumed)]


def _outcome(asked: _Asked) -> Outcome:
    where = places(os.environ)
    if not where.log.exists():
        raise Refused("there is no log here yet.", where=str(where.log), remedy="Start stablenew once.")
    settings = load_settings(where.settings, os.environ)
    rules = rules_of(settings, lambda at: float(time.localtime(at).tm_gmtoff))
    night = Night(_since(where.log, asked.since))
    for envelope in read_log(where.log):
        night.see(envelope)
    if not night.stages:
        raise Refused(f"no stage has ended since {asked.since}.", remedy="Go further back with --since.")
    outlook = night.outlook(rules, Change())
    changed = night.outlook(rules, asked.change)
    was = play(outlook, ALL)
    then = play(changed, ALL, pick if asked.policy == "lots" else first_in_first_out)
    return _compared(night, outlook, changed, was, then, _in_words(asked))


def _compared(night: Night, before: Outlook, after: Outlook, was: Played, then: Played, change: str) -> Outcome:
    ends = night.ends()
    return Outcome(
        since=iso(night.first),
        stages=night.stages,
        really_s=round(night.last - night.first, 3),
        makespan_was_s=round(_makespan(before, was) or 0.0, 3),
        makespan_then_s=_makespan(after, then),
        live_wait_was_s=round(statistics.median(was.waits), 3) if was.waits else None,
        live_wait_then_s=round(statistics.median(then.waits), 3) if then.waits else None,
        change=change,
        runs=tuple(_run(run.id, run.spec.name, ends, was, then) for run in before.runs),
        nodes=_nodes(before, after, was, then),
    )


def _run(run: RunId, name: str, ends: dict[RunId, float], was: Played, then: Played) -> RunOutcome:
    old, new = was.ends.get(run, INFINITE), then.ends.get(run, INFINITE)
    return RunOutcome(
        run=run,
        name=name,
        really=iso(ends[run]) if run in ends else None,
        was=iso(old) if old < INFINITE else None,
        then=iso(new) if new < INFINITE else None,
        sooner_s=round(old - new, 3) if max(old, new) < INFINITE else None,
    )


def _nodes(before: Outlook, after: Outlook, was: Played, then: Played) -> tuple[NodeOutcome, ...]:
    old, new = _uses(before, was), _uses(after, then)
    names = {berth.id: berth.name for berth in (*before.berths, *after.berths)}
    found = []
    for node, name in names.items():
        stages_was, busy_was, loads_was = old.get(node, (None, None, None))
        stages_then, busy_then, loads_then = new.get(node, (None, None, None))
        found.append(
            NodeOutcome(
                node=node, name=name, stages_was=stages_was, stages_then=stages_then,
                busy_was=busy_was, busy_then=busy_then, loads_was=loads_was, loads_then=loads_then,
            )
        )  # fmt: skip
    return tuple(found)


def _uses(outlook: Outlook, played: Played) -> dict[str, tuple[int, float, int]]:
    whole = max((end - outlook.now for end in played.ends.values() if end < INFINITE), default=0.0)
    uses: dict[str, tuple[int, float, int]] = {}
    for at, berth in enumerate(outlook.berths):
        parts = [part for (_, where), part in played.parts.items() if where == at]
        busy = sum(part.seconds for part in parts) / whole if whole else 0.0
        uses[berth.id] = (sum(part.stages for part in parts), round(busy, 4), played.loads.get(at, 0))
    return uses


def _makespan(outlook: Outlook, played: Played) -> float | None:
    last = max(played.ends.values(), default=outlook.now)
    return round(last - outlook.now, 3) if last < INFINITE else None


def _since(log: Path, when: str) -> float:
    """The time of WHEN: that of the event before it, so that a seq can be given too."""
    with closing(reader(log)) as db:
        seq = seq_at(db, when, time.time())
        found = db.execute("SELECT ts_us FROM events WHERE seq>? ORDER BY seq LIMIT 1", (seq,)).fetchone()
    return float(found[0]) / 1_000_000 if found else float("inf")


def _asked(args: argparse.Namespace) -> _Asked:
    extras = tuple(_extra(spec, number) for number, spec in enumerate(args.add_node, 1))
    change = Change(add=extras, remove=tuple(args.remove_node), mode=args.mode)
    return _Asked(change, args.policy, args.since, args.json)


def _extra(spec: str, number: int) -> Extra:
    """`12GB speed 2`, in any order; `12 GB`, `speed=2`."""
    memory = re.search(r"(\d+(?:\.\d+)?)\s*GB\b", spec, re.I)
    speed = re.search(r"\bspeed[\s=:]*(\d+(?:\.\d+)?)", spec, re.I)
    if memory is None or speed is None or float(speed[1]) <= 0.0:
        raise Refused(f"'{spec}' is no node.", where="--add-node", remedy='Write it as "12GB speed 2".')
    rest = re.sub(r"[,;]", " ", spec.replace(memory[0], " ").replace(speed[0], " ")).strip()
    return Extra(rest or f"new-{number}", float(memory[1]), float(speed[1]))


def _in_words(asked: _Asked) -> str:
    parts = [f"a node more ({one.name}: {one.vram_gb:g} GB, speed {one.speed:g})" for one in asked.change.add]
    parts += [f"{name} left out" for name in asked.change.remove]
    if asked.change.mode is not None:
        parts.append(f"mode {asked.change.mode}")
    if asked.policy != "lots":
        parts.append(f"the policy {asked.policy}")
    return ", ".join(parts) or "nothing changed"


def _use(stages: int | None, busy: float | None, loads: int | None) -> str:
    if stages is None or busy is None:
        return "not there"
    return f"{stages} stages, {busy:.0%} busy, {loads} checkpoints loaded"


def _by(sooner: float) -> str:
    return f"{_span(abs(sooner))} {'sooner' if sooner > 0 else 'later'}"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stablenew fleet what-if", description="Plays the log again under another fleet, mode or policy."
    )
    parser.add_argument("--add-node", action="append", default=[], metavar="SPEC", help='"12GB speed 2 [NAME]"')
    parser.add_argument("--remove-node", action="append", default=[], metavar="NODE")
    parser.add_argument("--mode", choices=("share", "warm", "free"))
    parser.add_argument("--policy", choices=("lots", "fifo"), default="lots")
    parser.add_argument("--since", default="24h", metavar="WHEN", help="a seq, an ISO time, or an age; default 24h")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser
