"""The child that makes small pictures of ones nobody has verified: `python -P -m daemon.artifacts.shrinker PIXELS`.

One JSON line of `Wish` comes in, one of `Small` goes out, until standard input ends; limits as in `verifier.py`.
"""

import sys
import warnings

import msgspec
from PIL import Image

from daemon.artifacts.thumbs import small_of
from daemon.artifacts.verifier import limit
from schema.errors import Refused


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    size: int
    """Most pixels along a side."""


class Small(msgspec.Struct, frozen=True, kw_only=True):
    """A WebP, empty where none can be made."""

    webp: bytes = b""


def small(wish: Wish) -> Small:
    try:
        return Small(webp=small_of(wish.path, wish.size))
    except (Refused, MemoryError, Image.DecompressionBombWarning):
        return Small()
    except (TypeError, IndexError, KeyError, OverflowError):  # what decoders stumble over
        return Small()


def main() -> None:
    Image.MAX_IMAGE_PIXELS = int(sys.argv[1])
    Image.init()
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    limit()
    sys.stdout.buffer.write(msgspec.json.encode(Small()) + b"\n")
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        answer = small(msgspec.json.decode(line, type=Wish))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
