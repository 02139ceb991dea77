"""`python -P -m daemon run`, and the verbs that need no daemon: log, video, plan-trace, pack-check, config-*...

The outermost loop of the process: what is not expected ends here, with a trace in the log and a status that is not 0.
"""

import errno
import logging
import os
import sqlite3
import sys
from collections.abc import Coroutine
from importlib import import_module

from schema.errors import Exit, Refused

OFFLINE = {
    "log": "daemon.log_verbs",
    "video": "daemon.artifacts.verbs",
    "image-params": "daemon.artifacts.verbs",
    "pack-check": "daemon.library.verbs",
    "config-show": "daemon.library.verbs",
    "config-validate": "daemon.library.verbs",
    "config-schema": "daemon.library.verbs",
    "library": "daemon.library.verbs",
    "translate": "daemon.library.verbs",
    "plan-trace": "daemon.rehearsal",
    "what-if": "daemon.what_if",
    "learn-insights": "daemon.learning_verbs",
    "learn-propose": "daemon.proposing",
    "learn-read": "daemon.records.verbs",
}
"""Verb to the module whose `main` takes the rest of the words; `log`'s has verbs of its own."""


def main(words: list[str]) -> int:
    verb = words[0] if words else "run"
    if verb == "run":
        return _run()
    if verb not in OFFLINE:
        sys.stderr.write(f"there is no '{verb}'. There are: run, {', '.join(OFFLINE)}.\n")
        return Exit.REFUSED
    answer: int = import_module(OFFLINE[verb]).main(words[1:] if verb == "log" else words)
    return answer


def _run() -> int:
    from daemon.app import run
    from daemon.claim import Locked
    from daemon.library.settings import load_settings
    from daemon.logs import start_logs
    from schema.places import places

    where = places(os.environ)
    try:
        settings = load_settings(where.settings, os.environ)
        return _loop(run(where, settings, os.environ, _end_in_time, _leave))
    except Locked as held:
        sys.stderr.write(f"{held}\n")
        return Exit.LOCKED
    except Refused as refused:
        sys.stderr.write(f"{refused.told()}\n")
        return Exit.REFUSED
    except Exception as fault:
        if _is_full(fault):
            sys.stderr.write(
                f"the disk is full: {where.state} takes nothing more. Free some space, then start again.\n"
            )
            return Exit.DISK
        start_logs(where.logs, "daemon")
        logging.getLogger("daemon").critical("the daemon ends on a fault of its own", exc_info=True)
        raise


END_SECONDS = 3.5
"""After so long a daemon that was told to stop ends as it is: whatever it still does can be done again."""


def _end_in_time() -> None:
    """A thread of its own sees to it: the loop may be busy."""
    from threading import Timer

    def end() -> None:
        logging.getLogger("daemon").warning("the daemon did not end in %.1f s; it ends as it is", END_SECONDS)
        _leave(Exit.DONE)

    timer = Timer(END_SECONDS, end)
    timer.daemon = True
    timer.start()


def _leave(code: int) -> None:
    """Without waiting for threads: they only read."""
    logging.shutdown()
    os._exit(code)


def _is_full(fault: BaseException) -> bool:
    """Whether it is for want of room that something could not be written; also where it ended a group of tasks."""
    match fault:
        case BaseExceptionGroup(exceptions=faults):
            return any(_is_full(one) for one in faults)
        case sqlite3.Error():
            return getattr(fault, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        case OSError():
            return fault.errno in (errno.ENOSPC, errno.EDQUOT)
        case _:
            return False


def _loop(program: Coroutine[object, object, int]) -> int:
    import asyncio

    try:
        import uvloop
    except ImportError:
        pass  # left, so that no trace of it stands in front of every later fault
    else:
        answer: int = uvloop.run(program)
        return answer
    return asyncio.run(program)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
