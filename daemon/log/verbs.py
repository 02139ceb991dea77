"""`stablenew log ...`: what can be asked of the log and done to it without the daemon, or beside it."""

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from daemon.claim import Locked
from daemon.log import verbs_at, verbs_diff, verbs_fold, verbs_keep, verbs_read, verbs_stats
from daemon.log.backups import Keeping, Kind, keeping_of
from daemon.log.faults import LogBroken, Unusable
from schema.errors import Exit, Refused, why
from schema.places import Places, places
from schema.settings import BackupSettings


def by_default(where: Places) -> Keeping:
    """As if there were no settings."""
    return keeping_of(where, BackupSettings(), 0)


def main(argv: list[str], keeping: Callable[[Places], Keeping] = by_default) -> int:
    """The exit code. Documents on stdout, complaints on stderr. `keeping`: which backups are kept, and where."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as usage:
        return int(usage.code or 0)
    try:
        return _run(args, places(os.environ), keeping)
    except Refused as refused:
        return _complain(refused.told(), Exit.REFUSED)
    except Unusable as unusable:
        return _complain(str(unusable), Exit.FAILED)
    except Locked as locked:
        return _complain(str(locked), Exit.LOCKED)
    except LogBroken as broken:
        told = f"{places(os.environ).log}: the log cannot be reached: {broken}."
        return _complain(f"{told} See to it that its disk is there and that you may read it.", Exit.FAILED)
    except BrokenPipeError:  # `log tail | head`: what was wanted was read
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except (sqlite3.Error, OSError) as error:
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        return _complain(f"{where}the log cannot be used: {why(error)}. Run `stablenew log verify`.", Exit.FAILED)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _complain(words: str, code: Exit) -> int:
    sys.stderr.write(words + "\n")
    return code


def _run(args: argparse.Namespace, where: Places, keeping: Callable[[Places], Keeping]) -> int:
    json: bool = args.json
    match args.verb:
        case "verify":
            return verbs_read.verify(where, json=json)
        case "stats":
            return verbs_stats.stats(where, keeping(where), time.time(), json=json)
        case "show":
            return verbs_read.show(where, args.seq, json=json)
        case "tail":
            return verbs_read.tail(where, args.lines, follow=args.follow, json=json, jsonl=args.jsonl)
        case "at":
            return verbs_at.at(where, args.when, time.time(), json=json)
        case "diff":
            return verbs_diff.diff(where, args.one, args.other, time.time(), json=json)
        case "step":
            return verbs_diff.step(where, args.when, args.lines, time.time(), back=args.back, json=json)
        case "replay":
            return verbs_fold.compare(where, json=json) if args.check else verbs_fold.replay(where, json=json)
        case "snapshot":
            log = args.log or verbs_read.need_log(where)
            return verbs_fold.snapshot(args.folder or where.snapshots, log, json=json)
        case "backup":
            kind: Kind = "upgrade" if args.upgrade else "night"
            return verbs_keep.backup(where, args.file, lambda: keeping(where), kind, json=json)
        case "backups":
            return verbs_keep.backups(keeping(where), json=json)
        case "restore":
            return verbs_keep.restore(where, args.file, lambda: keeping(where), json=json)
        case _:
            return verbs_keep.recover(where, args.accept_loss, lambda: keeping(where), json=json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stablenew log", description="The log: what happened, and its safety.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, told: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=told, description=told)
        made.add_argument("--json", action="store_true", help="one JSON document on stdout")
        return made

    verb("verify", "check everything: tables, hash chain, promised head, every event")
    verb("stats", "how much of what, and how it grows")
    verb("show", "one event").add_argument("seq", type=int)
    tail = verb("tail", "the newest events")
    tail.add_argument("-n", "--lines", type=int, default=20)
    tail.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    tail.add_argument("--jsonl", action="store_true", help="one JSON document per event")
    verb("at", "the state as of then").add_argument("when", help="a seq, an ISO time or an age like 2h")
    diff = verb("diff", "what is different between two moments")
    diff.add_argument("one", metavar="WHEN")
    diff.add_argument("other", metavar="WHEN", nargs="?", help="default: now")
    step = verb("step", "events one by one, each with what it changed")
    step.add_argument("when", metavar="WHEN", nargs="?", help="default: the newest")
    step.add_argument("-n", "--lines", type=int, default=10)
    step.add_argument("--back", action="store_true", help="back from there")
    replay = verb("replay", "fold the whole log and tell the state's hash")
    replay.add_argument("--check", action="store_true", help="compare live state, snapshot + tail, and replay")
    snapshot = verb("snapshot", "save the state of now")
    snapshot.add_argument("--folder", type=Path)
    snapshot.add_argument("--log", type=Path)
    backup = verb("backup", "a whole, checked copy; the daemon may run")
    backup.add_argument("file", type=Path, nargs="?", help="default: one of those that are kept by night")
    backup.add_argument("--upgrade", action="store_true", help="one of those made before an upgrade")
    verb("backups", "the copies that are kept by night")
    verb("restore", "put a backup in the log's place; the old one stays beside").add_argument(
        "file", help=f"a backup, or `{verbs_keep.LATEST}`"
    )
    recover = verb("recover", "keep what is good of a damaged log or in its backups; the old one stays beside")
    recover.add_argument("--accept-loss", type=int, metavar="N", help="how many events you accept to lose")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
