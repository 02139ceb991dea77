"""Untrusted pictures are decoded by children: `verifier.py` and `shrinker.py` are what they run."""

from pathlib import Path

import msgspec

from daemon.artifacts.children import Children
from daemon.artifacts.shrinker import Small, Wish
from daemon.artifacts.verifier import Verdict
from schema.errors import Refused
from schema.stages import MAX_MEGAPIXELS

TIMEOUT = 10.0
"""Seconds one picture may take."""


class Decoders(Children):
    """At most `most` children, started when they are first needed. `close` ends them; so does the parent's end."""

    def __init__(self, most: int = 2, *, timeout: float = TIMEOUT) -> None:
        super().__init__("daemon.artifacts.verifier", str(int(MAX_MEGAPIXELS * 1e6)), most=most, timeout=timeout)

    async def verdict(self, path: Path) -> Verdict:
        """Of the picture in this file. Two children that die over it, or one that hangs, are a verdict, too."""
        try:
            answer = await self.ask(msgspec.json.encode(str(path)) + b"\n")
        except TimeoutError:
            return Verdict(fault=f"took longer than {self._timeout:g} seconds to decode")
        except EOFError:
            return Verdict(fault="made its decoder crash")
        return msgspec.json.decode(answer, type=Verdict)


LARGEST_SMALL = 4 << 20
"""Bytes of an answer: 1024 x 1024 pixels as WebP have a tenth of it."""


class Shrinkers(Children):
    """The same for small copies of pictures that lie beside models: strangers made them, and nobody verified them."""

    def __init__(self, most: int = 2, *, timeout: float = TIMEOUT) -> None:
        pixels = str(int(MAX_MEGAPIXELS * 1e6))
        super().__init__("daemon.artifacts.shrinker", pixels, most=most, timeout=timeout, longest=LARGEST_SMALL)

    async def small(self, path: Path, size: int) -> bytes:
        """A WebP that fits into `size` x `size` pixels. Raises Refused."""
        wish = Wish(path=str(path), size=size)
        try:
            answer = await self.ask(msgspec.json.encode(wish) + b"\n")
            webp = msgspec.json.decode(answer, type=Small).webp
        except (TimeoutError, EOFError):
            webp = b""
        if not webp:
            raise Refused(f"no small copy can be made of {path.name}: it is damaged, too large or no picture.")
        return webp
