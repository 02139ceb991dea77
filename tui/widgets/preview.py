"""One picture as large as its pane: half cells, or the terminal's own pictures where the setting says so."""

import fcntl
import io
import os
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow
from tui.background import begin
from tui.widgets.ink import Framed, Piece, wrap
from tui.widgets.thumbs import LARGE, Thumbs, Wish

if TYPE_CHECKING:
    from PIL.Image import Image
    from textual_image.widget import SixelImage, TGPImage

    SharpClass = type[SixelImage] | type[TGPImage]


BROKEN = "cannot be shown: its file may be damaged or gone"


class Preview(Framed):
    """`sharp`: the widget of a picture protocol, or None for half cells."""

    ALLOW_SELECT = False

    def __init__(self, thumbs: Thumbs, sharp: "SharpClass | None" = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.thumbs = thumbs
        self.image: ImageRow | None = None
        self._sharp = sharp
        self._off = thumbs.off
        self._failed = ""
        """Id of the picture that the terminal's own protocol was not given, for it is none."""

    def compose(self) -> ComposeResult:
        if self._sharp is not None:
            yield self._sharp(None, classes="sharp")

    def use(self, sharp: "SharpClass | None") -> None:
        """Draws by another protocol from now on, or as pictures are wanted now."""
        if sharp is self._sharp and self._off == self.thumbs.off:
            return
        self._off = self.thumbs.off
        self.query(".sharp").remove()
        self._sharp = sharp
        if sharp is not None:
            self.mount(sharp(None, classes="sharp"))
        image, self.image = self.image, None
        self.show(image)

    def show(self, image: ImageRow | None) -> None:
        same = image is not None and self.image is not None and image.id == self.image.id
        self.image = image
        title = (Piece(image.job, "title"), Piece(f"  {image.width}x{image.height}", "dim")) if image else ()
        if same:
            self.retitle(title)
            return
        self.title_line = title
        self.refresh()
        if self._sharp is not None and image is not None:
            begin(self, partial(self._show_sharp, image), group="sharp", exclusive=True)
        elif image is None:
            self.query(".sharp").set(display=False)

    def picture_came(self, image: str) -> None:
        if self.image is not None and self.image.id == image and self._sharp is None:
            self.refresh()

    def inner(self, y: int, width: int) -> Strip:
        image = self.image
        if image is None or (self._sharp is not None and self._failed != image.id) or width < 2:
            return self.strip((), width)
        high = self.room[1]
        if self._sharp is not None:
            return self.words(BROKEN, "bad", y, width)
        if self.thumbs.off:
            return self.words("pictures are switched off", "faint", y, width)
        wish = Wish(image.id, width, high)
        cells = self.thumbs.get(wish, self)
        if cells is None:
            broken = self.thumbs.is_broken(wish)
            return self.words(BROKEN if broken else "…", "bad" if broken else "dim", y, width)
        left, above = (width - cells.columns) // 2, (high - cells.lines) // 2
        if not 0 <= y - above < cells.lines:
            return self.strip((), width)
        right = width - left - cells.columns
        return Strip.join([self.strip((), left), cells.strips[y - above], self.strip((), right)])

    def words(self, text: str, ink: str, y: int, width: int) -> Strip:
        """A line of what is said in the middle of the pane, where no picture is."""
        lines = wrap(text, max(8, width - 8), 4)
        at = y - (self.room[1] - len(lines)) // 2
        return self.strip([Piece(f"{lines[at]:^{width}}", ink)] if 0 <= at < len(lines) else (), width)

    async def _show_sharp(self, image: ImageRow) -> None:
        """The protocols want a picture that is known to be one, not a path: a bad path ends the program."""
        import asyncio

        try:
            blob = await self.thumbs.blob(image.id, LARGE)
            picture = await asyncio.to_thread(opened, blob)
            self._failed = ""
        except (NoDaemon, Refused, OSError, ValueError, SyntaxError):
            self._failed = image.id
            picture = None
        if self.image is None or self.image.id != image.id:
            return
        for widget in self.query(".sharp"):
            widget.display = picture is not None
            set_picture(widget, picture)
        if picture is None:
            self.refresh()


def opened(blob: bytes) -> "Image":
    """Raises OSError, ValueError or SyntaxError for what is no picture, or one that is far too large."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(blob), formats=("JPEG", "PNG", "WEBP")) as image:
            return image.convert("RGB")
    except Image.DecompressionBombError as fault:
        raise ValueError(str(fault)) from fault


def set_picture(widget: Widget, picture: "Image | None") -> None:
    from textual_image.widget import SixelImage, TGPImage

    if isinstance(widget, SixelImage | TGPImage):
        widget.image = picture


def sharp_now(how: str) -> "SharpClass | None":
    """While the app runs: the terminal is not asked whether it can, for its answer would arrive as key presses."""
    if how not in ("kitty", "sixel"):
        return None
    with unasked():
        from textual_image.widget import SixelImage, TGPImage
    return TGPImage if how == "kitty" else SixelImage


@contextmanager
def unasked() -> Iterator[None]:
    """textual_image asks when it is first loaded, if its output is a terminal."""
    terminal, cells = sys.__stdout__, pixels_of_a_cell()
    if cells is not None:
        os.environ["TEXTUAL_CELL_WIDTH"], os.environ["TEXTUAL_CELL_HEIGHT"] = map(str, cells)
    setattr(sys, "__stdout__", io.StringIO())  # noqa: B010  # to a type checker it is for ever what it was
    try:
        yield
    finally:
        setattr(sys, "__stdout__", terminal)  # noqa: B010


def pixels_of_a_cell() -> tuple[int, int] | None:
    """Width and height, where the system knows them without asking the terminal."""
    try:
        lines, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(2, termios.TIOCGWINSZ, bytes(8)))
    except OSError:
        return None
    return (width // columns, height // lines) if width and height and columns and lines else None


def sharp_class(setting: str, *, remote: bool, tmux: bool) -> "SharpClass | None":
    """Before the app runs, for the question to the terminal reads the keyboard. None: half cells.

    Over SSH and in tmux the terminal is not asked: a late answer arrives as key presses.
    """
    if setting in ("half", "none") or (setting == "auto" and (remote or tmux)):
        return None
    from textual_image.renderable import Image as Found
    from textual_image.renderable.sixel import Image as Sixel
    from textual_image.renderable.tgp import Image as Kitty
    from textual_image.widget import SixelImage, TGPImage

    if setting == "kitty" or (setting == "auto" and Found is Kitty):
        return TGPImage
    return SixelImage if setting == "sixel" or Found is Sixel else None
