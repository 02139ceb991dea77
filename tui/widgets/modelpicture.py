"""A model's preview over its card, in half cells; nothing where there is none."""

from textual.strip import Strip

from schema.models import ModelRow
from tui.widgets.ink import Framed, Piece
from tui.widgets.thumbs import Thumbs, Wish


class ModelPicture(Framed):
    ALLOW_SELECT = False
    bare = True

    def __init__(self, thumbs: Thumbs) -> None:
        super().__init__(id="model-picture")
        self.display = False
        self._thumbs = thumbs
        self._key = ""

    def show(self, item: ModelRow | None) -> None:
        key = item.key if item is not None and item.preview and not self._thumbs.off else ""
        if key != self._key:
            self._key = key
            self._thumbs.forget_wishes(self)
            self.display = bool(key)
            self.refresh()

    def picture_came(self, image: str) -> None:
        if image == self._key:
            self.refresh()

    def inner(self, y: int, width: int) -> Strip:
        high = self.room[1]
        if not self._key or width < 2 or high < 1:
            return self.strip((), width)
        wish = Wish(self._key, width, high)
        cells = self._thumbs.get(wish, self)
        if cells is None:
            word = "its preview cannot be shown" if self._thumbs.is_broken(wish) else "…"
            return self.strip([Piece(f"{word:^{width}}", "dim")] if y == high // 2 else (), width)
        left, above = (width - cells.columns) // 2, (high - cells.lines) // 2
        if not 0 <= y - above < cells.lines:
            return self.strip((), width)
        right = width - left - cells.columns
        return Strip.join([self.strip((), left), cells.strips[y - above], self.strip((), right)])
