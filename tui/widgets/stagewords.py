"""The cards of stages as lines: a stage and what it comes to, a field with its value, its slider and its source."""

from collections.abc import Sequence
from typing import NamedTuple

from schema.names import FILES
from tui.keys import pressed
from tui.screens.fields import Field, fields_of
from tui.screens.fieldwords import about, purpose
from tui.screens.nudging import at_cell, slider
from tui.screens.sheet import Row, StageSheet, first_of, is_on, shown, value_of
from tui.screens.stageform import StageForm
from tui.widgets.ink import Piece, fit, fit_middle, plain

EMPTY = {"name": "backend's own", "names": "backend's own", "picture": "none", "units": "none",
         "text": "empty", "number": "as it is"}  # fmt: skip

EMPTY_OF = {"seconds": "all of it", "trim_to": "the end", "image": "the one before", "backend": "whoever can"}

LABELS = {"seconds": "length", "trim_from": "from", "trim_to": "until"}
SECONDS = ("seconds", "trim_from", "trim_to")

GIST = {
    "txt2img": ("model", "steps", "cfg"), "img2img": ("model", "denoise", "steps"), "refiner": ("model", "switch_at"),
    "detail": ("detector", "denoise", "model"), "upscale": ("upscaler", "factor", "denoise"),
    "face_restore": ("restorer", "strength"), "refine": ("preset", "sharpen"), "post": ("processor",),
    "resize": ("format", "quality"), "video": ("fps", "seconds", "codec"), "dispatch": ("backend",),
    "selectLoras": ("most",), "llmEnhance": ("ask", "model"),
}  # fmt: skip
"""What a folded card tells of its kind, as far as there is room; its size comes behind."""

IN_WORDS = {"steps": "{} st", "cfg": "cfg {}", "factor": "{}x", "denoise": "denoise {}", "switch_at": "at {}",
            "sharpen": "sharpen {}", "quality": "quality {}", "fps": "{}/s", "seconds": "{} s",
            "most": "{} LoRAs"}  # fmt: skip

NARROW = 46
"""Cells below which a line has a sign for its source and no word."""

SLIDER, NUMBER = 12, 7
"""Cells of a slider, and of the number before it."""


class Typing(NamedTuple):
    """What is being typed into a line, and where."""

    text: str
    at: int
    fresh: bool = False
    """Nothing was pressed yet: a letter takes the place of all that is there."""

    def put(self, more: str) -> "Typing":
        if self.fresh:
            return Typing(more, len(more))
        return Typing(self.text[: self.at] + more + self.text[self.at :], self.at + len(more))

    def pressed(self, key: str) -> "Typing":
        """After one of the keys that move or delete."""
        text, at, _ = self
        match key:
            case "left":
                return Typing(text, max(0, at - 1))
            case "right":
                return Typing(text, min(len(text), at + 1))
            case "home":
                return Typing(text, 0)
            case "end":
                return Typing(text, len(text))
            case "backspace" if at:
                return Typing(text[: at - 1] + text[at:], at - 1)
            case "delete":
                return Typing(text[:at] + text[at + 1 :], at)
            case _:
                return Typing(text, at)

    def pieces(self, width: int) -> list[Piece]:
        """The text around its caret, exactly `width` cells."""
        first = max(0, self.at - width + 2)
        seen = plain(self.text[first : first + width - 1]) + " "
        at = self.at - first
        return [Piece(seen[:at], "key"), Piece(seen[at : at + 1] or " ", "bar"),
                Piece(fit(seen[at + 1 :], width - at - 1), "key")]  # fmt: skip


def label(one: Field) -> str:
    name = one.name.rpartition(".")[2] if one.part != "controls" else one.name.replace("controls.", "unit ")
    return LABELS.get(name, name.replace("_", " ").replace(".", " "))


def head(form: StageForm, row: Row, width: int, *, opened: bool) -> list[Piece]:
    """`▾ [x] 2 detail`; folded also what it comes to."""
    stage, changes = row.stage, form.changes
    running = [one.id for one in form.stages if is_on(one, changes)]
    number = f"{running.index(stage.id) + 1} " if stage.id in running else "  "
    title = "film" if stage.kind == "video" and stage.id == "video" else plain(stage.id)
    kind = "" if stage.kind in (stage.id, "video") else f" {stage.kind}"
    pieces = [
        Piece("▾ " if opened else "▸ ", "dim"),
        Piece("[x] " if row.on else "[ ] ", "strong" if row.on else "dim"),
        Piece(number, "dim"),
        Piece(title, "title" if row.on else "dim"),
        Piece(kind, "dim"),
    ]
    if doubt := plain(form.doubts.get(row.key, "").partition(";")[0]):
        pieces.append(Piece(f" ! {doubt}", "warn"))
    mine = any(name.partition(".")[0] == stage.id for name in changes)
    told = "off" if not row.on else "" if opened else gist(form, stage)
    room = width - sum(len(piece.text) for piece in pieces) - (2 if mine else 0) - 2
    if told and room >= 4:
        pieces.append(Piece(f"  {fit(told, min(room, len(told)))}", "dim" if row.on else "faint"))
    return [*pieces, Piece(" ●" if mine else "", "mark")]


def gist(form: StageForm, stage: StageSheet) -> str:
    """`toy · 30 st · cfg 6 · 832x1216`."""
    changes, told = form.changes, []
    fields = {one.name: one for one in fields_of(stage.kind)}
    for name in GIST.get(stage.kind, ("model",)):
        value = value_of(stage, fields[name], changes) if name in fields else ""
        if value and (name, value) != ("denoise", "0"):
            told.append(IN_WORDS.get(name, "{}").format(plain(stem(value))))
    width, height = (value_of(stage, fields[side], changes) if side in fields else "" for side in ("width", "height"))
    if width and height:
        told.append(f"{width}x{height}")
    return " · ".join(told)


def stem(name: str) -> str:
    last = name.replace("\\", "/").rpartition("/")[2]
    return next((last[: -len(end)] for end in FILES if last.lower().endswith(end)), last)


def others(row: Row, *, opened: bool) -> list[Piece]:
    """The line that stands for fields which are not shown."""
    return [Piece("   "), Piece(f"{'▾' if opened else '▸'} {row.value} more fields", "dim")]


def lost(row: Row) -> list[Piece]:
    return [
        Piece(f" {plain(row.key)} {plain(row.value)}", "warn"),
        Piece(f"  no such stage here; {pressed('stages.back')} drops it", "dim"),
    ]


def setting(form: StageForm, row: Row, width: int, typing: Typing | None) -> list[Piece]:
    """`steps  ● 30   ├───●──┤  yours`."""
    one = row.field
    assert one is not None
    deep, wide = 5 if one.part else 3, _wide(width)
    _, sign = source(form, row)
    lesson = form.lessons.get(row.key)
    better = lesson is not None and not row.changed and lesson.value != row.value
    marked = Piece("★ ", "star") if better else Piece(f"{sign} ", "mark")
    left = [Piece(fit(" " * deep + label(one), wide - 3) + " ", "dim"), marked]
    if typing is not None:
        return [*left, *typing.pieces(min(max(4, width - wide), 24))]
    trouble, end = _tail(form, row, width)
    pieces = [*left, *_valued(one, row, _room(form, row, width)), Piece(trouble, "warn")]
    return [*pieces, Piece(end, "mark" if row.changed else "dim")]


def slid(form: StageForm, row: Row, width: int, x: int) -> str | None:
    """The number at this cell of the line, where its slider is; None: it is not there."""
    long = _slider(_room(form, row, width))
    cell = x - _wide(width) - NUMBER
    if row.field is None or row.field.sort != "number" or not long or not 0 <= cell < long:
        return None
    return at_cell(row.field, cell, long) if slider(row.field, row.value, long) else None


def _wide(width: int) -> int:
    """Cells of a line before its value."""
    return min(24, max(16, width // 3))


def _tail(form: StageForm, row: Row, width: int) -> tuple[str, str]:
    """What may be wrong with it, and whose it is."""
    tagged, (tag, _) = width >= NARROW, source(form, row)
    doubt = plain(form.doubts.get(row.key, "").partition(";")[0])
    trouble = (f" ! {doubt}" if tagged else " !") if doubt else ""
    return trouble, f" {tag}" if tagged and tag else ""


def _room(form: StageForm, row: Row, width: int) -> int:
    return max(4, width - _wide(width) - sum(map(len, _tail(form, row, width))))


def _slider(room: int) -> int:
    return min(SLIDER, room - NUMBER) if room >= 14 else 0


def _valued(one: Field, row: Row, room: int) -> list[Piece]:
    words, ink = value(row)
    if one.sort == "number" and (drawn := slider(one, row.value, _slider(room))):
        return [Piece(fit(words, NUMBER - 1) + " ", ink),
                Piece(fit(drawn, room - NUMBER), "strong" if row.changed else "dim")]  # fmt: skip
    chosen = one.sort in ("name", "names", "choice", "units", "picture")
    if chosen and room > 8:
        return [Piece(fit_middle(_short(words, room - 2), room - 2), ink), Piece(" ▾", "faint")]
    return [Piece(fit(words, room), ink)]


def _short(words: str, room: int) -> str:
    """Without a file's ending, and without its folder, where they would take the place of its name."""
    end = next((end for end in FILES if words.lower().endswith(end)), "")
    if len(words) > room:
        words = words.removesuffix(words[len(words) - len(end) :])
    return words if len(words) <= room else words.rpartition("/")[2] or words


def source(form: StageForm, row: Row) -> tuple[str, str]:
    """Whose value it is, in a word and in a sign."""
    if row.changed:
        return "yours", "●"
    if row.inherited:
        return "", " "
    if row.origin:
        return row.origin.partition(" ")[0], "◆"
    return ("last run" if _last(form) else "pipeline", " ") if _said(row) else ("", " ")


def _last(form: StageForm) -> bool:
    """Whether the stages are those of the last run."""
    return form.draft.last and not form.draft.pipeline and form.draft.ground.own is None


def _said(row: Row) -> bool:
    """Whether the pipeline says something of it that is not what the field is by itself."""
    one = row.field
    if one is None or one.sort in ("part", "units") or one.part == "controls":
        return False
    base = row.stage.base.get(one.name)
    return base is not None and base != one.default


def value(row: Row) -> tuple[str, str]:
    """The value in words, and its ink."""
    one = row.field
    assert one is not None
    ink = "strong" if row.changed else "text"
    if one.sort in ("flag", "part"):
        return ("[x] on" if row.on else "[ ] off"), ink if row.on or row.changed else "dim"
    if one.sort == "units" and row.value:
        return f"{row.value} of ControlNet", ink
    if not row.value:
        return EMPTY_OF.get(one.name) or EMPTY.get(one.sort, "empty"), "faint"
    unit = " s" if one.name in SECONDS else ""
    return plain(row.value) + unit, "dim" if row.inherited else ink


# The words under the cards ---------------------------------------------------------------------------


def told_of(form: StageForm, row: Row | None, complaint: str = "") -> list[tuple[str, str]]:
    """What is to be said of the line under the cursor: sentences and their inks, the most urgent first."""
    said = [(complaint, "bad"), (form.trouble, "bad")]
    if row is None:
        return [one for one in said if one[0]]
    if row.field is None:
        said += [*_doubted(form, row), (_of_stage(form, row), "dim"), (about(row.stage.kind), "dim")]
    elif row.field.sort == "more":
        said.append((f"{pressed('stages.change')} shows {row.value} more fields of it, or hides them", "dim"))
    elif row.stage.kind:
        said += _of_field(form, row, row.field)
    return [one for one in said if one[0]]


def _of_stage(form: StageForm, row: Row) -> str:
    if row.stage.id == form.film:
        return f"the film of the run: {pressed('stages.turn')} makes one, or none"
    if row.origin:
        return f"{'on' if row.on else 'off'} by {plain(row.origin)}"
    return f"{pressed('stages.turn')} switches it on or off, {pressed('stages.change')} opens its card"


def _of_field(form: StageForm, row: Row, one: Field) -> list[tuple[str, str]]:
    said = _doubted(form, row)
    if (lesson := form.lessons.get(row.key)) is not None:
        taken = "" if lesson.value == row.value else f" {pressed('stages.learned')} takes {plain(lesson.value)}."
        said.append((f"★ {plain(lesson.text)}{taken}", "star"))
    said.append((" · ".join(filter(None, (plain(row.key), str(one.limits), *_more(form, row, one)))), "dim"))
    said.append((purpose(row.stage.kind, one), "dim"))
    return said


def _doubted(form: StageForm, row: Row) -> list[tuple[str, str]]:
    return [(f"! {plain(doubt)}", "warn")] if (doubt := form.doubts.get(row.key)) else []


def _more(form: StageForm, row: Row, one: Field) -> Sequence[str]:
    told = [" | ".join(one.choices)] if one.choices else []
    told += ["may be empty"] if one.empty and one.sort in ("number", "name") else []
    under = shown(row.stage.under(one.name, one.default)) if one.part != "controls" else ""
    if row.changed:
        told.append(f"yours; it was {plain(under)}" if under else "yours")
        origin = row.stage.origins.get(one.name, "")
        told[-1] += f" by {plain(origin)}" if origin and under else ""
    elif row.inherited:
        first = first_of(form.stages)
        told.append(f"as {plain(first.id)} has it" if first is not None else "")
    elif row.origin:
        told.append(f"by {plain(row.origin)}")
    else:
        told.append(f"by the {source(form, row)[0]}" if _said(row) else "default")
    return told
