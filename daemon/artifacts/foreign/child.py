"""The child process that reads files of strangers: `python -P -m daemon.artifacts.foreign.child`.

One JSON line of `Asked` comes in, one of `Told` goes out, until standard input ends. It lives under hard limits of
memory and processor time, and cannot write files.
"""

import resource
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
from PIL import Image

from daemon.artifacts.foreign.asking import Asked, Told
from daemon.artifacts.foreign.reading import read_bytes
from daemon.artifacts.foreign.requests import understood
from schema.errors import Refused, why
from schema.stages import MAX_MEGAPIXELS

MEMORY = 1 << 30


def told(asked: Asked) -> Told:
    try:
        raw = Path(asked.path).read_bytes()
        return Told(found=understood(read_bytes(raw, asked.name, beside=asked.beside)))
    except Refused as refused:
        return Told(sentence=refused.sentence, where=refused.where, remedy=refused.remedy)
    except (MemoryError, RecursionError):
        return Told(sentence="it asks for more memory than reading may take.", where=asked.name, remedy="Leave it.")
    except OSError as fault:
        return Told(sentence=f"cannot be read: {why(fault)}.", where=asked.name, remedy="Try again.")


def _limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    with suppress(ValueError):  # macOS knows the limit but does not let anybody set it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    Image.MAX_IMAGE_PIXELS = int(MAX_MEGAPIXELS * 1e6)
    Image.init()
    _limit()
    sys.stdout.buffer.write(b"{}\n")
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        answer = told(msgspec.json.decode(line, type=Asked))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
