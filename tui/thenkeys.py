"""The keys of travel in time, and which of the others only look: those work in the past, too."""

from collections.abc import Mapping

from tui.dialogkeys import OVER
from tui.picturekeys import Key

TRAVEL = (
    Key("app.then", "at", "go to a moment of the past", "app.then", "everywhere"),
    Key("app.standing", "exclamation_mark", "how the daemon stands: what is wrong, and what to do", "app.standing",
        "everywhere"),
)  # fmt: skip
"""At any time."""

THEN = (
    Key("then.back", "left_parenthesis", "one event back", "app.travel(-1)", "then", "event", "( )"),
    Key("then.on", "right_parenthesis", "one event on", "app.travel(1)", "then"),
    Key("then.back100", "left_curly_bracket", "a hundred events back", "app.travel(-100)", "then", "100", "{ }"),
    Key("then.on100", "right_curly_bracket", "a hundred events on", "app.travel(100)", "then"),
    Key("then.hour_back", "ctrl+left", "an hour back", "app.travel_hours(-1)", "then", "hour", "^← ^→"),
    Key("then.hour_on", "ctrl+right", "an hour on", "app.travel_hours(1)", "then"),
    Key("then.now", "0", "back to now", "app.now", "then", "now"),
    Key("then.to", "at", "go to a moment: a seq, a time, an age", "app.then", "then", "go to"),
    Key("then.what", "w", "what the event was, and what it changed", "app.happening", "then", "what"),
    Key("then.mark", "apostrophe", "mark this moment", "app.mark_moment", "then", "mark"),
    Key(
        "then.diff", "equals_sign", "what is different from the mark, or from now", "app.difference", "then", "differs"
    ),
)
"""Where a moment of the past is shown. They come before what the same key means in an area now."""

CHANGING = frozenset({"app.undo", "app.redo", "learn.past"})
"""Of keys that would otherwise only look."""

LOOKING = frozenset({
    "run.next", "run.back", "run.next_pane", "run.pane_before", "run.payload", "run.write", "run.choose",
    "run.jobs", "run.logs",
    "queue.why", "queue.tab", "queue.pictures", "gallery.job",
    "runs.tab", "runs.why", "runs.jobs", "runs.pictures", "runs.fold",
    "gallery.next", "gallery.previous", "gallery.left", "gallery.right", "gallery.trash_view", "gallery.disk",
    "disk.down", "disk.up", "disk.half_down", "disk.half_up", "disk.open", "disk.order", "disk.reread",
    "models.lack", "models.kind", "library.tab", "library.tab_back", "library.pictures",
    "learn.numbers", "learn.knob", "learn.knob_back", "learn.tab", "learn.tab_back", "learn.open", "learn.down",
    "learn.up", "learn.half_down", "learn.half_up", "learn.bottom", "learn.top", "learn.copy",
    "stages.fold", "stages.fold_all", "stages.find", "stages.clear",
    "stages.half_down", "stages.half_up",
    "zoom.next", "zoom.previous", "zoom.unrated", "zoom.unrated_back", "zoom.back",
    "zoom.copy", "zoom.copy_text", "zoom.copy_as", "zoom.pictures",
    "gallery.compare", "gallery.copy_as", "gallery.pictures", "gallery.group", "gallery.group_back", "gallery.like",
    "compare.settings", "compare.down", "compare.up", "compare.back",
    "inbox.skip", "duel.skip", "comparison.next", "comparison.previous", "comparison.left", "comparison.right",
    "comparison.reveal",
})  # fmt: skip

LOOKING_PLACES = (
    "go.", "app.", "list.", "logs.", "then.", "settings.", "text.", *{f"{key.id.partition('.')[0]}." for key in OVER},
)  # fmt: skip
"""Of dialogs all keys: one that would change something is not opened."""
LOOKING_ENDS = (".details", ".list", ".help", ".leave", ".outside", ".redraw")
"""The way out among them: nobody is kept on a screen because the log became read-only under it."""


def only_looks(key: str) -> bool:
    """Whether the binding with this id changes nothing. One that nobody thought of is taken to change something."""
    if key in CHANGING:
        return False
    return key in LOOKING or key.startswith(LOOKING_PLACES) or key.endswith(LOOKING_ENDS)


def travelling(pressed: str, keymap: Mapping[str, str]) -> Key | None:
    """What a key means in the past; None: what it means anyway."""
    for key in THEN:
        if pressed in keymap.get(key.id, key.keys).replace(" ", "").split(","):
            return key
    return None
