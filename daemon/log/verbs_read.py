"""The verbs that only look: verify, stats, show, tail. They need no daemon and disturb none."""

import time
from contextlib import closing
from pathlib import Path

from daemon.log.check import check, note_verified
from daemon.log.documents import Events, Verified, line, say, write
from daemon.log.faults import LogFromNewer
from daemon.log.reading import hash_at, newest, read
from daemon.log.tables import reader
from daemon.log.watched import along
from daemon.log.witness import witnesses
from schema.errors import Exit, Refused
from schema.logpages import event_whole
from schema.pages import event_line
from schema.places import Places

_POLL_S = 0.25


def need_log(places: Places) -> Path:
    if not places.log.exists():
        raise Refused("there is no log here yet.", where=str(places.log), remedy="Start stablenew once.")
    return places.log


def verify(places: Places, *, json: bool) -> int:
    """Everything: tables, chain, streams, every event decoded, the promised head. Exit 1 with findings."""
    try:
        verdict = check(places.log, places.head, deep=True, others=lambda: witnesses(places), along=along("checking"))
        verified = Verified(
            events=verdict.events, head=verdict.head.seq, ok=not verdict.findings, findings=verdict.findings
        )
    except LogFromNewer as newer:
        with closing(reader(places.log)) as db:
            seq = newest(db)[0]
        verified = Verified(events=seq, head=seq, ok=False, findings=(str(newer),))
    else:
        if verified.ok and verified.events:
            note_verified(places.log, verdict.head)
    if json:
        write(verified)
    else:
        for finding in verified.findings:
            say(finding)
        say(f"{verified.events} events, head {verified.head}: {'whole' if verified.ok else 'damaged'}")
    return Exit.DONE if verified.ok else Exit.FAILED


def show(places: Places, seq: int, *, json: bool) -> int:
    with closing(reader(need_log(places))) as db:
        found = read(db, seq - 1, 1) if seq > 0 else ()
        if not found:
            raise Refused(f"the log has no event {seq}.", remedy="`stablenew log stats` tells how many there are.")
        write(event_whole(found[0], hash_at(db, seq) or b"")) if json else say(line(found[0]))
    return Exit.DONE


def tail(places: Places, lines: int, *, follow: bool, json: bool, jsonl: bool) -> int:
    """The last `lines` events; with `follow` also what comes, until interrupted."""
    with closing(reader(need_log(places))) as db:
        seq = newest(db)[0]
        after = max(0, seq - lines)
        if json and not follow:
            write(Events(items=tuple(map(event_line, read(db, after, seq - after))), total=seq))
            return Exit.DONE
        while True:
            for envelope in read(db, after, 1000):
                write(event_line(envelope)) if jsonl or json else say(line(envelope))
                after = envelope.seq
            if not follow and after >= seq:
                return Exit.DONE
            if follow:
                time.sleep(_POLL_S)
