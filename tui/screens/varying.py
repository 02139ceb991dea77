"""How the pictures of a run vary: whose character, in which style, within which overlay, and how many of them."""

from dataclasses import replace
from typing import NamedTuple, get_args

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from schema.errors import Refused
from schema.plans import Matrix, PromptOrder
from schema.requests import RunRequest
from tui.athome import AtHome
from tui.background import leave
from tui.keys import bound, hints
from tui.link.shelf import Noun
from tui.screens.variation import MATRIX, ORDER, Variation
from tui.widgets.field import Field
from tui.widgets.ink import plain
from tui.widgets.pick import Pick
from tui.widgets.tick import Tick


class Shelf(NamedTuple):
    id: str
    noun: Noun


SHELVES = (
    Shelf("profile", "profiles"), Shelf("template", "templates"), Shelf("style", "styles"),
    Shelf("overlay", "overlays"),
)  # fmt: skip
NUMBERS = ("variants", "limit", "max_prompts", "max_images")
NUMBER_WORDS = {"variants": "of each", "limit": "at most", "max_prompts": "prompts", "max_images": "pictures"}
PLACEHOLDERS = {"variants": "all", "limit": "no limit", "max_prompts": "all", "max_images": "all"}


class VaryForm(AtHome, ModalScreen[Variation | None]):
    """Escape takes it over: nothing here is lost; what cannot be meant is told and keeps the form open."""

    BINDINGS = bound("vary.leave", "dialog.take", "vary.usual")

    def __init__(self, varied: Variation) -> None:
        super().__init__()
        self.varied = varied

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog form vary", can_focus=False) as dialog:
            dialog.border_title = "How it varies"
            dialog.border_subtitle = hints(
                "fields.ask choose",
                "fields.clear none",
                "vary.usual all as usual",
                "vary.leave back with it",
            )
            for left, right in zip(SHELVES[::2], SHELVES[1::2], strict=True):
                with Horizontal(classes="row"):
                    for one in (left, right):
                        yield Static(one.id, classes="field")
                        yield Pick(one.id, otherwise="none")
            with Horizontal(classes="row"):
                yield Static("matrix", classes="field")
                yield Pick("matrix", otherwise="as the pack says")
                yield Static("order", classes="field")
                yield Pick("order", otherwise="")
            with Horizontal(classes="row"):
                for name in NUMBERS:
                    yield Static(NUMBER_WORDS[name], classes="field")
                    yield Field(getattr(self.varied, name), id=name, compact=True, placeholder=PLACEHOLDERS[name],
                                restrict=r"[0-9]*", max_length=9)  # fmt: skip
            with Horizontal(classes="row lines"):
                yield Static("replace", classes="field")
                yield TextArea("\n".join(self.varied.search), id="search", compact=True, tab_behavior="focus",
                               placeholder="words => others | more; one rule a line")  # fmt: skip
            with Horizontal(classes="row lines"):
                yield Static("grid", classes="field")
                yield TextArea("\n".join(self.varied.vary), id="vary", compact=True, tab_behavior="focus",
                               placeholder="txt2img.cfg=5,6,7 or lora=NAME:0.4,NAME:0.8; one axis a line")  # fmt: skip
            with Horizontal(classes="row"):
                yield Static("", classes="field")
                yield Tick("prompts as they are written: nothing in them varies", self.varied.literal, id="literal")
            yield Static("", id="told", classes="quiet")

    def on_mount(self) -> None:
        self.show_picks()
        self.set_focus(self.query_one("#profile"))

    def show_picks(self) -> None:
        varied = self.varied
        shown = {"profile": varied.profile, "template": varied.template, "style": ", ".join(varied.style),
                 "overlay": varied.overlay}  # fmt: skip
        for name, value in shown.items():
            self.query_one(f"#{name}", Pick).show(value, changed=bool(value))
        self.query_one("#matrix", Pick).show(dict(MATRIX)[varied.matrix] if varied.matrix else "",
                                             changed=varied.matrix is not None)  # fmt: skip
        self.query_one("#order", Pick).show(dict(ORDER)[varied.order], changed=varied.order != "sequential")
        held = [f"{len(varied.locks)} held"] if varied.locks else []
        held += [f"{len(varied.edits)} written over"] if varied.edits else []
        self.query_one("#told", Static).update(Content(" · ".join(held)))

    def read(self) -> Variation:
        numbers = {name: self.query_one(f"#{name}", Input).value.strip() for name in NUMBERS}
        rules, axes = (lines(self.query_one(f"#{name}", TextArea).text) for name in ("search", "vary"))
        return replace(
            self.varied,
            variants=numbers["variants"],
            limit=numbers["limit"],
            max_prompts=numbers["max_prompts"],
            max_images=numbers["max_images"],
            search=rules,
            vary=axes,
            literal=self.query_one("#literal", Tick).value,
        )

    # Choosing ---------------------------------------------------------------------------------------

    @on(Pick.Asked)
    async def _asked(self, event: Pick.Asked) -> None:
        event.stop()
        name = event.pick.id or ""
        if isinstance(event, Pick.Cleared):
            self.put(name, "")
        elif name in ("matrix", "order"):
            await self._choose(name)
        else:
            await self._choose_name(next(one for one in SHELVES if one.id == name))

    async def _choose(self, name: str) -> None:
        from tui.screens.ask import Choose

        choices, now = (MATRIX, self.varied.matrix or "") if name == "matrix" else (ORDER, self.varied.order)

        def chosen(value: str | None) -> None:
            if value is not None:
                self.put(name, value)

        await self.app.push_screen(Choose(name, choices, now, wide=True), chosen)

    async def _choose_name(self, one: Shelf) -> None:
        from tui.screens.shelved import Shelved

        now = self.varied.style[-1] if one.id == "style" and self.varied.style else getattr(self.varied, one.id)

        def chosen(name: str | None) -> None:
            if name is not None:
                self.put(one.id, name)

        await self.app.push_screen(Shelved(one.id, one.noun, now if isinstance(now, str) else ""), chosen)

    def put(self, name: str, value: str) -> None:
        """Styles add up; what is empty is none."""
        varied = self.varied
        match name:
            case "profile":
                varied = replace(varied, profile=value)
            case "template":
                varied = replace(varied, template=value)
            case "overlay":
                varied = replace(varied, overlay=value)
            case "style":
                varied = replace(varied, style=tuple(dict.fromkeys((*varied.style, value))) if value else ())
            case "matrix":
                varied = replace(varied, matrix=next((one for one in get_args(Matrix) if one == value), None))
            case "order":
                known: tuple[PromptOrder, ...] = get_args(PromptOrder)
                varied = replace(varied, order=next((one for one in known if one == value), "sequential"))
        self.varied = varied
        self.show_picks()

    def action_usual(self) -> None:
        leave(self, Variation())

    def action_take(self) -> None:
        self.action_leave()

    def action_leave(self) -> None:
        varied = self.read()
        try:
            varied.into(RunRequest())
        except Refused as e:
            told = self.query_one("#told", Static)
            told.update(Content(plain(e.told())))
            told.add_class("wrong")
        else:
            leave(self, varied)


def lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
