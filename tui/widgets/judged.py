"""A picture that is to be judged: as large as its pane, and it says when it could be seen."""

from typing import TYPE_CHECKING

from textual.message import Message
from textual.strip import Strip

from schema.pages import ImageRow
from tui.widgets.preview import Preview
from tui.widgets.thumbs import LARGE, Thumbs, Wish

if TYPE_CHECKING:
    from tui.widgets.preview import SharpClass


class Judged(Preview):
    """Bare: neither a frame nor a name tells how the picture was made."""

    bare = True

    class Seen(Message):
        """The picture has been put on the screen; or it was found that it cannot be."""

        def __init__(self, judged: "Judged", image: str) -> None:
            self.judged = judged
            self.image = image
            super().__init__()

    def __init__(self, thumbs: Thumbs, sharp: "SharpClass | None" = None, *, id: str | None = None) -> None:
        super().__init__(thumbs, sharp, id=id)
        self.seen = ""
        """Id of the picture that stands on the screen."""
        self.notice = ""
        """Told where there is no picture."""

    @property
    def wish(self) -> Wish | None:
        """What is asked for to draw its picture; None: there is none, or no room."""
        return self.wish_of(self.image) if self.image is not None else None

    def wish_of(self, image: ImageRow) -> Wish | None:
        width, lines = self.room
        return Wish(image.id, width, lines) if width > 1 and lines > 1 else None

    @property
    def is_broken(self) -> bool:
        return (wish := self.wish) is not None and self.thumbs.is_broken(wish)

    def show(self, image: ImageRow | None) -> None:
        if image is None or image.id != self.seen:
            self.seen = ""
        super().show(image)
        self._drawn_soon()

    def prefetch(self, image: ImageRow) -> None:
        """So that it is there at once when it is to be shown."""
        if self._sharp is None and not self.thumbs.off and (wish := self.wish_of(image)) is not None:
            self.thumbs.get(wish, self)

    async def fetch_sharp(self, image: ImageRow) -> None:
        """The same for the terminal's own pictures. Raises NoDaemon or Refused."""
        if self._sharp is not None:
            await self.thumbs.blob(image.id, LARGE)

    def tell_notice(self, words: str) -> None:
        if words != self.notice:
            self.notice = words
            self.refresh()

    def inner(self, y: int, width: int) -> Strip:
        if self.image is None:
            return self.words(self.notice, "dim", y, width)
        return super().inner(y, width)

    def picture_came(self, image: str) -> None:
        super().picture_came(image)
        if self.image is not None and self.image.id == image:
            self._drawn_soon()

    def on_resize(self) -> None:
        self._drawn_soon()

    async def _show_sharp(self, image: ImageRow) -> None:
        await super()._show_sharp(image)
        self._tell(image.id)

    def _drawn_soon(self) -> None:
        if self._sharp is None and self.image is not None:
            self.call_after_refresh(self._drawn, self.image.id)

    def _drawn(self, image: str) -> None:
        wish = self.wish
        if wish is not None and wish.image == image and (self.thumbs.off or wish in self.thumbs):
            self._tell(image)

    def _tell(self, image: str) -> None:
        if self.image is not None and self.image.id == image and self.seen != image:
            self.seen = image
            self.post_message(self.Seen(self, image))
