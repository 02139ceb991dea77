"""The child that makes small pictures of ones nobody has verified: `python -P -m daemon.artifacts.shrinker PIXELS`.

One JSON line of `Wish` comes in, one of `Small` goes out, until standard input ends; limits as in `confined.py`.
"""

import sys

import msgspec
from PIL import Image

from daemon.artifacts.confined import serve
from daemon.artifacts.thumbs import small_of
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
    serve(Wish, small, int(sys.argv[1]))


if __name__ == "__main__":
    main()
