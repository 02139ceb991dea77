"""The verbs that fold the log: replay, its comparison with snapshot and running daemon, and snapshot."""

import os
import time
from contextlib import closing
from pathlib import Path

from daemon.log import neighbour
from daemon.log.documents import Compared, Replayed, Saved, say, write
from daemon.log.fold import CORE
from daemon.log.reading import newest, read_log
from daemon.log.snapshots import Snapshots
from daemon.log.tables import reader
from daemon.log.verbs_read import need_log
from daemon.log.watched import watched
from schema.errors import Exit
from schema.places import Places


def replay(places: Places, *, json: bool) -> int:
    """Folds every event and tells the state's hash."""
    log = need_log(places)
    with closing(reader(log)) as db:
        seq = newest(db)[0]
    began = time.perf_counter()
    state = CORE.onto(CORE.empty(), watched("replaying", read_log(log, 0, seq), seq))
    seconds = time.perf_counter() - began
    found = Replayed(events=seq, seq=seq, hash=CORE.hash(state), seconds=round(seconds, 6))
    if json:
        write(found)
    else:
        say(f"{found.events} events in {found.seconds:.3f} s")
        say(f"state at {found.seq}: {found.hash}")
    return Exit.DONE


def compare(places: Places, *, json: bool) -> int:
    """Live state, snapshot and tail, replay from zero: exit 1 unless they agree."""
    log = need_log(places)
    live = neighbour.live(places.endpoint)
    if live is None:
        with closing(reader(log)) as db:
            seq = newest(db)[0]
    else:
        seq = live.seq
    snapshots = Snapshots(places.snapshots, log, CORE)
    snapshot_seq = snapshots.newest(seq)[1]
    by_snapshot = CORE.hash(snapshots.as_of(seq))
    by_replay = CORE.hash(CORE.onto(CORE.empty(), watched("replaying", read_log(log, 0, seq), seq)))
    found = Compared(
        seq=seq,
        same=by_snapshot == by_replay and (live is None or live.hash == by_replay),
        live=live.hash if live else None,
        snapshot=by_snapshot,
        snapshot_seq=snapshot_seq,
        replay=by_replay,
    )
    if json:
        write(found)
    else:
        say(f"state at {seq}: {'all agree' if found.same else 'they differ'}")
        say(f"live             {found.live or 'no daemon runs'}")
        say(f"snapshot + tail  {found.snapshot}  (snapshot of {snapshot_seq})")
        say(f"replay from zero {found.replay}")
    return Exit.DONE if found.same else Exit.FAILED


def snapshot(folder: Path, log: Path, *, json: bool) -> int:
    os.nice(10)  # nobody waits for it
    saved = Saved(seq=Snapshots(folder, log, CORE).save(), folder=str(folder))
    write(saved) if json else say(f"snapshot of event {saved.seq} in {saved.folder}")
    return Exit.DONE
