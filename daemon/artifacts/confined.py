"""What the children of `children.py` have in common: hard limits, a word that they listen, a line for a line.

They touch what strangers made, so they write no files and get little memory; their parent ends those that take too
long. Imports little, so that a new child is there at once.
"""

import resource
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import msgspec
from PIL import Image

MEMORY = 1 << 30
"""Bytes of address space; what the system already limits further stays so."""

Asked = TypeVar("Asked")


def serve(kind: type[Asked], answer: Callable[[Asked], msgspec.Struct], pixels: int) -> None:
    """Answers each JSON line of standard input, a `kind`, with one on standard output, until its end.

    `pixels`: the most a picture may have; Pillow's warning of more is raised.
    """
    Image.MAX_IMAGE_PIXELS = pixels
    Image.init()
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    _limit()
    _write(b"{}")
    for line in sys.stdin.buffer:
        _write(msgspec.json.encode(answer(msgspec.json.decode(line, type=kind))))


def _limit() -> None:
    """Of memory, and no files written, for the whole process."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    with suppress(ValueError):  # macOS knows the limit but does not let anybody set it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
