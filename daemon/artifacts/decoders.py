"""Untrusted pictures are decoded by children: `verifier.py` is what they run."""

from pathlib import Path

import msgspec

from daemon.artifacts.children import Children
from daemon.artifacts.verifier import Verdict
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
