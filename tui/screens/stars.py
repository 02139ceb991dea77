"""How good a run was as a whole: one key more, and z takes it back like everything."""

from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from schema.ids import RunId
from schema.requests import ImageSelection
from tui.background import begin, leave
from tui.keys import bound, face, pressed
from tui.widgets.ink import plain

if TYPE_CHECKING:
    from tui.app import StableNew


class Stars(ModalScreen[int | None]):
    """1 to 5, 0 to take it back, None for going back."""

    BINDINGS = bound(
        "whole.rate1", "whole.rate2", "whole.rate3", "whole.rate4", "whole.rate5", "whole.unrate", "dialog.leave"
    )

    def __init__(self, run: str) -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "The whole run"
            yield Static(Content(f"How good are the pictures of {plain(self._run)}, taken together?"))
            keys = "[b]$one-$five[/b] stars   [b]$none[/b] takes it back   [b]$out[/b] back"
            faces = {"one": "whole.rate1", "five": "whole.rate5", "none": "whole.unrate", "out": "dialog.leave"}
            told = Content.from_markup(keys, **{name: face(id) for name, id in faces.items()})
            yield Static(told, classes="answers")
            yield Static(
                Content(f"All its pictures get them, also those that have some; {pressed('app.undo')} takes it back."),
                classes="quiet",
            )

    def action_rate(self, stars: int) -> None:
        leave(self, stars)

    def action_leave(self) -> None:
        leave(self, None)


async def rate_whole(home: "StableNew", run: RunId) -> None:
    """Asks for the stars of a run and gives them."""

    async def give(stars: int) -> None:
        answer = await home.answered("/v1/images/rate", ImageSelection(select=(run,), stars=stars))
        if answer is not None and not home.nothing_done(answer):
            home.say(f"{run} as a whole: {'★' * stars or 'no stars'}; {pressed('app.undo')} takes it back")

    def told(stars: int | None) -> None:
        if stars is not None:
            begin(home, partial(give, stars), group="commands")

    await home.push_screen(Stars(run), told)
