"""`python -P -m daemon learn-propose`: the pictures to rate next, from files alone. Needs no daemon and no state."""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from daemon.algebra import load
from daemon.learning.telling import plain
from schema.errors import Exit, Refused, why
from schema.plans import Scalar

MOST_IMAGES = 10_000
MOST_KNOBS = 200
MOST_LEVELS = 1_000


def main(words: list[str]) -> int:
    """The exit code. One line of JSON on stdout, complaints on stderr."""
    try:
        return _propose(_Words(prog="stablenew learn propose", add_help=False, allow_abbrev=False), words[1:])
    except Refused as refused:
        sys.stderr.write(plain(refused.told()) + "\n")
        return Exit.REFUSED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message}.", where=self.prog, remedy="`stablenew learn propose --help` lists what it takes.")


def _propose(parser: argparse.ArgumentParser, words: list[str]) -> int:
    for name in ("--records", "--space", "--pack"):
        parser.add_argument(name, required=True)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    if not 1 <= asked.images <= MOST_IMAGES:
        raise Refused(
            f"{asked.images} pictures cannot be proposed.", where="--images", remedy=f"Ask for 1 to {MOST_IMAGES}."
        )
    load()
    from daemon.learning.experiments import pool_for, propose_images
    from daemon.learning.reading import read_records
    from daemon.learning.rows import rows_of

    space = read_space(_bytes(asked.space), asked.space)
    rows, duels = rows_of(read_records(_bytes(asked.records), asked.records))
    images = propose_images(rows, duels, space, pool_for(asked.pack, rows), asked.images)
    lines = [{"images": images}] if asked.json else images
    for line in lines:
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()
    return Exit.DONE


def read_space(text: bytes, name: str) -> dict[str, tuple[Scalar, ...]]:
    """`{param: [levels, ...]}`. Raises Refused with what is wrong."""
    remedy = 'Write {"txt2img.steps": [20, 30], "txt2img.sampler": ["Euler a", "DDIM"]}.'
    try:
        space = msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"), type=dict[str, tuple[Scalar, ...]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Refused(f"this is no space of knobs and levels: {fault}.", where=name, remedy=remedy) from None
    if not space or len(space) > MOST_KNOBS:
        raise Refused(f"there are {len(space)} knobs in it.", where=name, remedy=f"Name 1 to {MOST_KNOBS} knobs.")
    for knob, levels in space.items():
        if not levels or len(levels) > MOST_LEVELS:
            raise Refused(f"'{knob[:60]}' has {len(levels)} levels.", where=name, remedy=f"Give it 1 to {MOST_LEVELS}.")
        if any(isinstance(level, int | float) and not abs(level) < 1e300 for level in levels):
            raise Refused(f"'{knob[:60]}' has a level that is too large a number.", where=name, remedy="Leave it out.")
    return space


def _bytes(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as fault:
        raise Refused(f"it cannot be read: {why(fault)}", where=name, remedy="Check the path.") from None
    except ValueError:
        raise Refused("a file's name has no zero byte in it.", where=ascii(name), remedy="Give another.") from None
