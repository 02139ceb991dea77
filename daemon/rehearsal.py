"""`python -P -m daemon plan-trace FILE`: the policy over a trace, in virtual time. Needs no daemon and no state."""

import os
import sys
from pathlib import Path

import msgspec

from daemon.scheduling.rehearse import rehearse
from daemon.scheduling.trace import read_trace
from schema.errors import Exit, Refused, why

USAGE = "usage: plan-trace FILE"


def main(words: list[str]) -> int:
    """The exit code. One JSON object per stage on stdout, in the order of the decisions; complaints on stderr."""
    if len(words) != 2:
        sys.stderr.write(f"{USAGE}\n")
        return Exit.REFUSED
    try:
        return _plan(words[1])
    except Refused as refused:
        sys.stderr.write(_plain(f"{words[1]}: {refused.told()}") + "\n")
        return Exit.REFUSED
    except BrokenPipeError:  # `fleet plan | head`: what was wanted was read
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _plain(text: str) -> str:
    """Names in a trace are anybody's words: nothing in them steers a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _plan(name: str) -> int:
    try:
        text = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as fault:
        raise Refused(f"it cannot be read: {why(fault)}") from None
    encoder = msgspec.json.Encoder()
    for line in rehearse(read_trace(text)):
        sys.stdout.write(encoder.encode(line._asdict()).decode() + "\n")
    sys.stdout.flush()
    return Exit.DONE
