"""The trash, seen in the gallery: pictures out of it, pictures deleted for good, and what takes room on the disk."""

from collections.abc import Mapping
from functools import partial

from schema.diskuse import EmptyRequest
from schema.pages import ImageRow
from schema.requests import ImageSelection
from tui.background import begin
from tui.keys import pressed
from tui.picturekeys import Key
from tui.screens.browsing import Browsing
from tui.widgets.ink import Line, Piece

EVERY_IMAGE = "stars:>=0"
"""A FILTER that every picture matches."""

IN_TRASH = "state:trashed"

HINTS = {
    "gallery.restore": "out of it", "gallery.delete": "delete for good", "gallery.trash_view": "back",
}  # fmt: skip
"""What the last line tells of keys while the trash is shown."""


def out_of_it() -> str:
    return f"{pressed('gallery.restore')} takes it out, {pressed('gallery.delete')} deletes it for good"


class TrashScreen(Browsing[ImageRow]):
    """A list of pictures that can be turned over to the trash and back."""

    trash = False

    def heading(self) -> Line:
        if not self.trash:
            return (Piece("Images", "title"),)
        return (Piece("Trash", "warn"), Piece(f"  {pressed('gallery.trash_view')} back", "dim"))

    def hinted(self) -> tuple[Key, ...]:
        keys = super().hinted()
        if not self.trash:
            return keys
        own = tuple(key._replace(hint=HINTS[key.id]) for key in keys if key.id in HINTS)
        return (*own, *(key for key in keys if not key.id.startswith("gallery.")))

    def asked_for(self) -> Mapping[str, str | int]:
        asked = dict(super().asked_for())
        if self.trash:
            return asked | {"filter": f"{IN_TRASH} {self.filter}".strip()}
        return asked | {"final": 1}

    def everything(self) -> str:
        return IN_TRASH if self.trash else EVERY_IMAGE

    def noun(self, many: int) -> str:
        return (" picture" if many == 1 else " pictures") + (" in the trash" if self.trash else "")

    def targets(self) -> tuple[str, ...]:
        targets = super().targets()
        if self.trash and self.listing.all_marked:
            return (f"{IN_TRASH} {self.filter}".strip(),)
        return targets

    def log_filter(self) -> str:
        image = self.listing.item()
        return f"picture:{image.id}" if image is not None else ""

    def show_only(self, text: str, item: str = "") -> None:
        if self.trash:
            self.action_trash_view()
        super().show_only(text, item)

    def action_trash_view(self) -> None:
        self.trash = not self.trash
        self._of_all = None
        self.listing.unmark()
        self.listing.retitle(self.heading())
        self.tell_keys()
        self.anew()
        self.tally()

    async def action_trash(self) -> None:
        if self.trash:
            self.home.say(f"it is in the trash: {out_of_it()}")
        else:
            await self.sure(
                "Put into the trash", partial(self._send, "trash", f"in the trash; {pressed('app.undo')} takes it back")
            )

    async def action_restore(self) -> None:
        if self.trash:
            await self.sure("Take out of the trash", partial(self._send, "restore", "out of the trash"))
        else:
            there = f"there {pressed('gallery.restore')} takes a picture out of it"
            self.home.say(f"{pressed('gallery.trash_view')} shows the trash; {there}")

    def action_delete(self) -> None:
        """Only of what is in the trash: what is deleted for good never comes back."""
        from tui.screens.disk import delete_asked

        if not self.trash:
            keys = f"{pressed('gallery.trash')} puts it there, {pressed('gallery.trash_view')} shows it"
            self.home.say(f"only what is in the trash is deleted for good: {keys}")
            return
        targets = self.targets()
        if targets:
            what = "in the trash" if len(targets) > 1 or self.listing.all_marked else f"({targets[0]})"
            begin(self, partial(delete_asked, self.home, "empty", EmptyRequest(select=targets), what), group="disk")
            self.listing.unmark()

    def action_disk(self) -> None:
        from tui.screens.disk import DiskScreen

        def opened(run: str | None) -> None:
            if run is not None:
                self.show_only(f"run:{run}")

        self.app.push_screen(DiskScreen(self.home), opened)

    def _send(self, verb: str, told: str) -> None:
        targets = self.targets()
        if targets:
            self.home.command(f"/v1/images/{verb}", ImageSelection(select=targets), told)
            self.listing.unmark()
