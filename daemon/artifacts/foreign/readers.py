"""Files of strangers, read by children of the daemon: `child.py` is what they run."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from daemon.artifacts.children import Children
from daemon.artifacts.foreign.asking import Asked, Told
from schema.errors import Refused
from schema.foreign import Understood

TIMEOUT = 20.0
"""Seconds one file may take."""

LONGEST = 48 << 20
"""Bytes of an answer: what was said is told verbatim."""


class Readers(Children):
    def __init__(self, folder: Path, most: int = 1, *, timeout: float = TIMEOUT) -> None:
        """`folder`: where a file that came as bytes lies while it is read."""
        super().__init__("daemon.artifacts.foreign.child", most=most, timeout=timeout, longest=LONGEST)
        self._folder = folder

    async def read(self, content: bytes | Path | AsyncIterator[bytes], name: str, beside: str = "") -> Understood:
        """Of bytes, as they come or at once, or of a file of ours. Raises Refused, OSError, and what `content` does."""
        if isinstance(content, Path):
            return await self._asked(Asked(path=str(content), name=name, beside=beside))
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                async for piece in content:
                    await asyncio.to_thread(file.write, piece)
            file.flush()
            return await self._asked(Asked(path=file.name, name=name, beside=beside))

    async def _asked(self, asked: Asked) -> Understood:
        try:
            answer = await self.ask(msgspec.json.encode(asked) + b"\n")
        except TimeoutError:
            fault = f"it took longer than {self._timeout:g} seconds to read."
            raise Refused(fault, where=asked.name, remedy="Leave it.") from None
        except EOFError:
            raise Refused("it made its reader crash.", where=asked.name, remedy="Leave it.") from None
        told = msgspec.json.decode(answer, type=Told)
        if told.found is None:
            raise Refused(told.sentence, where=told.where, remedy=told.remedy)
        return told.found
