"""The keys of the screens that show pictures and nothing else, and what a key of the table is."""

from typing import NamedTuple


class Key(NamedTuple):
    id: str
    keys: str
    """Textual's names, separated by commas; a user's keymap replaces them by id."""
    does: str
    action: str
    where: str
    """`everywhere`, `lists`, or the screen's name."""
    hint: str = ""
    """Its word in the footer; empty: not there."""
    face: str = ""
    """How the footer writes its keys, where it stands for several: `1-5`."""
    first: bool = False
    """Before what has the focus: it works while one types."""


def stars(where: str) -> tuple[Key, ...]:
    """One key for each number of stars; the footer tells them as one."""
    return (
        Key(f"{where}.rate1", "1", "1 of 5 stars", "rate(1)", where, "rate", "1-5"),
        *(Key(f"{where}.rate{n}", str(n), f"{n} of 5 stars", f"rate({n})", where) for n in range(2, 6)),
    )


ZOOM = (
    *stars("zoom"),
    Key("zoom.next", "j,l,right,down,space", "next picture", "step(1)", "zoom", "next"),
    Key("zoom.previous", "k,h,left,up", "previous picture", "step(-1)", "zoom", "previous"),
    Key("zoom.unrate", "0", "take the rating back", "rate(0)", "zoom"),
    Key("zoom.unrated", "n", "next without a rating", "unrated(1)", "zoom", "next unrated"),
    Key("zoom.unrated_back", "N", "previous without a rating", "unrated(-1)", "zoom"),
    Key("zoom.back", "escape,enter,q", "back to the gallery", "leave", "zoom", "back"),
    Key("zoom.onward", "a", "a rating goes on to the next without one, or stays: one key for each picture", "onward",
        "zoom", "go on"),
    Key("zoom.tag", "t", "tags", "tag", "zoom", "tag"),
    Key("zoom.trash", "d", "to the trash", "trash", "zoom", "trash"),
    Key("zoom.again", "v,r", "reuse what it was made with in a new run", "again", "zoom", "reuse"),
    Key("zoom.enhance", "E", "new picture from this one: paint over, upscale", "enhance", "zoom"),
    Key("zoom.details", "e", "everything known of it", "details", "zoom"),
    Key("zoom.copy", "y", "copy the path of its file", "copy('id')", "zoom"),
    Key("zoom.copy_text", "Y", "copy its prompt", "copy('text')", "zoom"),
    Key("zoom.copy_as", "ctrl+y", "copy something else of it: a link, its seed, its settings", "copy_as", "zoom"),
    Key("zoom.outside", "o", "open outside the terminal", "outside", "zoom", "open"),
    Key("zoom.pictures", "p", "how pictures are drawn: half cells, kitty, sixel, none", "app.pictures", "zoom"),
    Key("zoom.undo", "z", "take back the last change", "app.undo", "zoom", "undo"),
    Key("zoom.redo", "Z", "do again what was taken back", "app.redo", "zoom"),
    Key("zoom.redraw", "ctrl+l", "draw everything again", "app.redraw", "zoom"),
    Key("zoom.help", "question_mark,f1", "these keys", "app.keys_help", "zoom", "help"),
)  # fmt: skip

COMPARE = (
    Key("compare.left", "1,h,left", "the left one is better", "better(0)", "compare", "left"),
    Key("compare.right", "2,l,right", "the right one is better", "better(1)", "compare", "right"),
    Key("compare.tie", "0,equals_sign", "neither is better", "tie", "compare", "equal"),
    Key("compare.settings", "e", "what they differ in, or the pictures alone", "settings", "compare", "what differs"),
    Key("compare.down", "j,down", "on in what differs", "scroll(1)", "compare"),
    Key("compare.up", "k,up", "back in what differs", "scroll(-1)", "compare"),
    Key("compare.redraw", "ctrl+l", "draw everything again", "app.redraw", "compare"),
    Key("compare.help", "question_mark,f1", "these keys", "app.keys_help", "compare", "help"),
    Key("compare.back", "escape,q", "no verdict; back", "leave", "compare", "back"),
)

INBOX = (
    *stars("inbox"),
    Key("inbox.skip", "space,n", "another one first; this one waits", "skip", "inbox", "skip"),
    Key("inbox.tag", "t", "tags: too noisy, nailed it, or your own", "tag", "inbox", "tag"),
    Key("inbox.back", "z", "take it back and see that picture again", "back", "inbox", "undo"),
    Key("inbox.trash", "d", "to the trash, without a rating", "trash", "inbox", "trash"),
    Key("inbox.outside", "o", "open outside the terminal", "outside", "inbox", "open"),
    Key("inbox.redraw", "ctrl+l", "draw everything again", "app.redraw", "inbox"),
    Key("inbox.help", "question_mark,f1", "these keys", "app.keys_help", "inbox", "help"),
    Key("inbox.leave", "escape,q", "enough for now", "leave", "inbox", "back"),
)

DUEL = (
    Key("duel.left", "1,h,left", "the left one is better", "better(0)", "duel", "left"),
    Key("duel.right", "2,l,right", "the right one is better", "better(1)", "duel", "right"),
    Key("duel.tie", "0,down,equals_sign", "neither is better", "tie", "duel", "equal"),
    Key("duel.skip", "space,n", "another pair", "skip", "duel", "skip"),
    Key("duel.back", "z", "take it back and see that pair again", "back", "duel", "undo"),
    Key("duel.redraw", "ctrl+l", "draw everything again", "app.redraw", "duel"),
    Key("duel.help", "question_mark,f1", "these keys", "app.keys_help", "duel", "help"),
    Key("duel.leave", "escape,q", "enough for now", "leave", "duel", "back"),
)

COMPARISON = (
    *stars("comparison"),
    Key("comparison.next", "space,n,down,j", "the next prompt and seed", "turn(1)", "comparison", "next"),
    Key("comparison.right", "l,right,tab", "the next picture of this prompt and seed", "move(1)", "comparison", "move",
        "←→"),
    Key("comparison.left", "h,left,shift+tab", "the picture before", "move(-1)", "comparison"),
    Key("comparison.previous", "N,up,k", "the prompt and seed before", "turn(-1)", "comparison", "previous"),
    Key("comparison.tag", "t", "tags: too noisy, nailed it, or your own", "tag", "comparison", "tag"),
    Key("comparison.back", "z", "take the last rating back", "back", "comparison", "undo"),
    Key("comparison.reveal", "v", "show the values now, rated or not", "reveal", "comparison", "values"),
    Key("comparison.outside", "o", "open outside the terminal", "outside", "comparison", "open"),
    Key("comparison.redraw", "ctrl+l", "draw everything again", "app.redraw", "comparison"),
    Key("comparison.help", "question_mark,f1", "these keys", "app.keys_help", "comparison", "help"),
    Key("comparison.leave", "escape,q", "back", "leave", "comparison", "back"),
)  # fmt: skip

ALONE = (*ZOOM, *COMPARE, *INBOX, *DUEL, *COMPARISON)

ALONE_TITLES = {
    "zoom": "A picture alone", "compare": "Two pictures", "inbox": "Pictures that wait for a rating",
    "duel": "Which is better", "comparison": "A learning run side by side",
}  # fmt: skip
