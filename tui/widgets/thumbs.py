"""Pictures for whoever draws them: fetched once, shrunk in threads, kept as long as they are near.

The one who asks gets what is here, or nothing now and a call when it has come.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, Protocol

from schema.errors import NoDaemon, Refused
from tui.widgets.halfcell import Cells, NoPicture, cells_of

KEPT = 120_000
"""Characters of pictures: 400 of a grid, or 30 as large as the terminal; one takes about 350 bytes."""

KEPT_BLOBS = 64 << 20
"""Bytes of thumbnails as they came."""

AT_ONCE = 3
"""Pictures fetched and shrunk at the same time."""

SMALL, LARGE = 256, 1024
"""The sizes of thumbnails the daemon keeps, in pixels along the longer side."""


class Wish(NamedTuple):
    image: str
    columns: int
    lines: int

    @property
    def size(self) -> int:
        return SMALL if max(self.columns, self.lines * 2) <= SMALL else LARGE


class Viewer(Protocol):
    """Whoever draws pictures."""

    def picture_came(self, image: str) -> None: ...


class Thumbs:
    """`fetch(image, size)` brings the bytes; `start` runs a coroutine function in the background."""

    def __init__(
        self,
        fetch: Callable[[str, int], Awaitable[bytes]],
        start: Callable[[Callable[[], Awaitable[None]]], object],
        *,
        true: Callable[[], bool],
        off: bool = False,
    ) -> None:
        self.off = off
        """No pictures are wanted."""
        self._fetch = fetch
        self._start = start
        self._true = true
        self._ready: OrderedDict[Wish, Cells | None] = OrderedDict()
        self._size = 0
        """Characters of what is ready."""
        self._blobs: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._weight = 0
        self._wishes: OrderedDict[Wish, list[Viewer]] = OrderedDict()
        self._under_way: set[Wish] = set()

    def get(self, wish: Wish, viewer: Viewer) -> Cells | None:
        """The picture, or None; then the viewer is told when asking again is worth it."""
        if wish in self._ready:
            self._ready.move_to_end(wish)
            return self._ready[wish]
        viewers = self._wishes.setdefault(wish, [])
        if viewer not in viewers:
            viewers.append(viewer)
        self._wishes.move_to_end(wish)
        if wish not in self._under_way and len(self._under_way) < AT_ONCE:
            self._next()
        return None

    def __contains__(self, wish: object) -> bool:
        """It can be drawn now, or is known to be none that can."""
        return wish in self._ready

    def is_broken(self, wish: Wish) -> bool:
        return wish in self._ready and self._ready[wish] is None

    def forget_wishes(self, viewer: Viewer) -> None:
        """What this viewer wished for and has not begun is out of its view."""
        for wish in [w for w in self._wishes if w not in self._under_way]:
            viewers = self._wishes[wish]
            if viewer in viewers:
                viewers.remove(viewer)
            if not viewers:
                del self._wishes[wish]

    def forget_broken(self) -> None:
        """The daemon is there again: what failed may come now."""
        for wish in [w for w, cells in self._ready.items() if cells is None]:
            del self._ready[wish]

    def _next(self) -> None:
        wish = next((w for w in self._wishes if w not in self._under_way), None)
        if wish is not None:
            self._under_way.add(wish)
            self._start(partial(self._bring, wish))

    async def _bring(self, wish: Wish) -> None:
        try:
            cells = await self._cells(wish)
        except (NoDaemon, Refused, NoPicture):
            cells = None
        finally:
            self._under_way.discard(wish)
        self._ready[wish] = cells
        self._size += _size(cells)
        while self._size > KEPT and len(self._ready) > 1:
            self._size -= _size(self._ready.popitem(last=False)[1])
        for viewer in self._wishes.pop(wish, []):
            viewer.picture_came(wish.image)
        while len(self._under_way) < AT_ONCE and len(self._wishes) > len(self._under_way):
            self._next()

    async def _cells(self, wish: Wish) -> Cells:
        blob = await self.blob(wish.image, wish.size)
        return await asyncio.to_thread(cells_of, blob, wish.columns, wish.lines, true=self._true())

    async def blob(self, image: str, size: int) -> bytes:
        """The thumbnail's bytes. Raises NoDaemon or Refused."""
        if (image, size) in self._blobs:
            self._blobs.move_to_end((image, size))
            return self._blobs[image, size]
        blob = await self._fetch(image, size)
        self._weight += len(blob) - len(self._blobs.get((image, size), b""))  # another may have fetched it meanwhile
        self._blobs[image, size] = blob
        while self._weight > KEPT_BLOBS and len(self._blobs) > 1:
            self._weight -= len(self._blobs.popitem(last=False)[1])
        return blob


def _size(cells: Cells | None) -> int:
    return cells.columns * cells.lines if cells is not None else 0
