"""Every key of the terminal UI, once: bindings, help, footer and docs/keymap.md are made from this table.

Known not to arrive in tmux and therefore not used: ctrl+enter, alt+enter, ctrl+h, ctrl+i, ctrl+m, ctrl+backspace.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from textual.binding import Binding, BindingType

from tui.browsekeys import GALLERY, QUEUE, RUNS
from tui.dialogkeys import OVER, OVER_TITLES
from tui.diskkeys import DISK
from tui.learnkeys import LEARN
from tui.librarykeys import LIBRARY, MODELS, PACKS, SHELF, TABS_KEYS
from tui.logkeys import LOGS
from tui.picturekeys import ALONE, ALONE_TITLES
from tui.picturekeys import Key as Key
from tui.runkeys import RUN
from tui.settingkeys import SETTINGS, WELCOME
from tui.stagekeys import STAGES
from tui.thenkeys import THEN, TRAVEL

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.screen import Screen

Answer = TypeVar("Answer")


class Area(NamedTuple):
    """A place with a tab in the top line, a letter behind the leader and a function key."""

    id: str
    title: str
    letter: str
    function: str


AREAS = (
    Area("queue", "Queue", "q", "f2"),
    Area("run", "Run", "r", "f3"),
    Area("gallery", "Gallery", "i", "f4"),
    Area("learn", "Learn", "l", "f5"),
    Area("nodes", "Nodes", "n", "f6"),
    Area("library", "Library", "p", "f7"),
    Area("logs", "Logs", "o", "f8"),
    Area("settings", "Settings", ",", "f9"),
)
"""In the order of the top line. An area is listed here from the day it works."""

LEADER = "g"
LEADER_TOP = "g"
"""Leader twice: to the top of the list."""


EVERYWHERE = (
    *(Key(f"go.{a.id}", a.function, f"go to {a.title}", f"app.go('{a.id}')", "everywhere") for a in AREAS),
    Key("app.leader", LEADER, "go to an area: then its letter", "app.leader", "everywhere", "go"),
    Key("app.palette", "colon,ctrl+p", "all commands by name", "app.command_palette", "everywhere", "commands"),
    Key("app.undo", "z", "take back the last change", "app.undo", "everywhere", "undo"),
    Key("app.redo", "Z", "do again what was taken back", "app.redo", "everywhere"),
    Key("app.help", "question_mark,f1", "the keys of what has focus", "app.keys_help", "everywhere", "help"),
    Key("app.back", "q", "back; at the top: leave, the daemon keeps running", "app.back", "everywhere"),
    Key("app.redraw", "ctrl+l", "draw everything again", "app.redraw", "everywhere"),
    *TRAVEL,
    Key("app.suspend", "ctrl+z", "to the shell; `fg` comes back", "app.suspend_process", "everywhere"),
    Key("app.leave", "ctrl+q", "leave at once", "app.quit", "everywhere"),
)

LISTS = (
    Key("list.mark", "space", "mark and step on", "mark", "lists", "mark"),
    Key("list.open", "enter", "open, details", "open", "lists", "open"),
    Key("list.filter", "slash", "filter in place", "filter", "lists", "filter"),
    Key("list.down", "j,down", "down", "move(0, 1)", "lists"),
    Key("list.up", "k,up", "up", "move(0, -1)", "lists"),
    Key("list.half_down", "ctrl+d,pagedown", "half a page down", "half(1)", "lists"),
    Key("list.half_up", "ctrl+u,pageup", "half a page up", "half(-1)", "lists"),
    Key("list.bottom", "G,end", "to the bottom", "bottom", "lists"),
    Key("list.top", "home", "to the top; `gg` too", "top", "lists"),
    Key("list.range", "v", "mark a range from here on", "range", "lists"),
    Key("list.all", "a", "mark all in the filter", "all", "lists"),
    Key("list.clear", "escape", "clear the marks, then the filter", "clear", "lists"),
    Key("list.sort", "s", "order of the list", "sort", "lists"),
    Key("list.copy", "y", "copy the id; of a node its address", "copy('id')", "lists"),
    Key("list.copy_text", "Y", "copy the text; of a node its id", "copy('text')", "lists"),
    Key("list.outside", "o", "open outside the terminal", "outside", "lists"),
    Key("list.logs", "L", "what the log says of it", "logs", "lists"),
)

NODES = (
    Key("nodes.pair", "P", "pair one that asks to join, by the code it shows", "pair", "nodes", "pair"),
    Key("nodes.add", "A", "bring in one at an address: another subnet, a VPN", "add", "nodes", "add"),
    Key("nodes.drain", "D", "give it nothing new, or work again", "drain", "nodes", "drain"),
    Key("nodes.probe", "b", "let it draw a small picture and look at it", "probe", "nodes", "probe"),
    Key("nodes.unpair", "u", "unpair: trust it no more", "unpair", "nodes", "unpair"),
    Key("nodes.refresh", "R", "read its models and other lists again", "refresh", "nodes", "refresh lists"),
    Key("nodes.free", "m", "unload its models: give the memory back", "free", "nodes", "free memory"),
    Key("nodes.forget", "X", "wait no more for one that is lost", "forget", "nodes", "forget lost"),
    Key("nodes.details", "l,right", "to the details", "details", "nodes"),
    Key("nodes.list", "h,left", "back to the list", "list", "nodes"),
)

PROMPT = (
    Key("prompt.into", "ctrl+j,ctrl+s", "put it into the run", "into", "prompt", first=True),
    Key("prompt.reroll", "ctrl+r", "randomize: draw all anew that is not held", "reroll", "prompt", first=True),
    Key("prompt.vary", "ctrl+o", "how it varies, and how many", "vary", "prompt", first=True),
    Key("prompt.payload", "ctrl+t", "what is sent for the first job, or the variant", "payload", "prompt", first=True),
    Key("prompt.lora", "ctrl+f,ctrl+l", "a LoRA or an embedding into the prompt", "lora", "prompt", first=True),
    Key("prompt.load", "ctrl+g", "load again what the run has", "load", "prompt", first=True),
    Key("prompt.leave", "escape", "back to the run; asks when something was changed", "leave", "prompt"),
)

TEXT = (
    Key("text.take", "tab", "take the name; enter too behind __, < and [[", "take", "text"),
    Key("text.names", "ctrl+@", "names that fit at the cursor (ctrl+space)", "ask_names", "text", "names"),
    Key("text.heavier", "ctrl+up", "heavier by 0.1, of a LoRA by 0.05", "weigh(1)", "text", "weight", "^↑ ^↓"),
    Key("text.lighter", "ctrl+down", "lighter", "weigh(-1)", "text"),
)

PLACES = (
    Key("places.lock", "space", "hold it at what it is, or free it", "screen.lock", "places"),
    Key("places.value", "enter,l,right", "hold it at another value", "screen.choose_value", "places"),
    Key("places.reroll", "r", "draw this one anew", "screen.reroll_one", "places"),
    Key("places.others", "R", "draw all the others anew", "screen.reroll_others", "places"),
    Key("places.free", "u", "free them all", "screen.unlock", "places"),
)

SAMPLES = (
    Key("samples.edit", "enter,e", "write over this variant before it runs", "screen.edit_sample", "samples"),
    Key("samples.drop", "d,delete,backspace", "as it was made", "screen.drop_edit", "samples"),
    Key("samples.hold", "h", "hold all places at what they are here", "screen.hold_all", "samples"),
    Key("samples.copy", "y", "copy it", "screen.copy_sample", "samples"),
    Key("samples.reroll", "r", "randomize", "screen.reroll", "samples"),
)

TABLE = (
    *EVERYWHERE, *THEN, *LISTS, *QUEUE, *RUNS, *GALLERY, *LEARN, *NODES, *LIBRARY, *SHELF, *PACKS, *MODELS, *RUN,
    *PROMPT, *TEXT, *PLACES, *SAMPLES, *STAGES, *LOGS, *DISK, *SETTINGS, *WELCOME, *ALONE, *OVER,
)  # fmt: skip

KEYS = {key.id: key for key in TABLE}

TITLES = {
    "everywhere": "Everywhere", "then": "In the past", "lists": "Lists",
    "queue": "Queue", "runs": "Runs in the queue", "gallery": "Gallery", "learn": "Learn", "nodes": "Nodes",
    "library": "Library", "shelf": "Texts of the library", "packs": "Packs", "models": "Models and LoRAs",
    "run": "Run", "prompt": "Prompt editor",
    "text": "A prompt as one types", "places": "Places to vary", "samples": "Variants",
    "stages": "Cards of the stages",
    "logs": "Logs", "disk": "The disk", "settings": "Settings", "welcome": "The first start",
    **ALONE_TITLES, **OVER_TITLES,
}  # fmt: skip

SHOWN = {
    "question_mark": "?", "slash": "/", "colon": ":", "plus": "+", "minus": "-", "asterisk": "*",
    "at": "@", "apostrophe": "'", "exclamation_mark": "!", "left_parenthesis": "(", "right_parenthesis": ")",
    "left_curly_bracket": "{", "right_curly_bracket": "}", "ctrl+left": "^←", "ctrl+right": "^→",
    "full_stop": ".", "greater_than_sign": ">", "comma": ",", "less_than_sign": "<",
    "right_square_bracket": "]", "left_square_bracket": "[",
    "semicolon": ";", "underscore": "_", "number_sign": "#", "percent_sign": "%", "ampersand": "&", "dollar_sign": "$",
    "vertical_line": "|", "backslash": "\\", "tilde": "~", "quotation_mark": '"', "grave_accent": "`",
    "equals_sign": "=", "space": "␣", "enter": "⏎", "escape": "esc", "down": "↓", "up": "↑", "left": "←", "right": "→",
    "pagedown": "pgdn", "pageup": "pgup", "shift+tab": "⇧tab",
    "ctrl+@": "^space",
}  # fmt: skip


def of(*places: str) -> tuple[Key, ...]:
    return tuple(key for key in TABLE if key.where in places)


def places_of(area: str) -> tuple[str, ...]:
    """Whose keys an area has besides those of everywhere."""
    if area in TABS_KEYS:
        return TABS_KEYS[area]
    return (area,) if area in ("learn", "run", "settings") else (area, "lists")


def bindings(keys: Iterable[Key]) -> list[BindingType]:
    return [Binding(key.keys, key.action, key.does, show=bool(key.hint), id=key.id, priority=key.first) for key in keys]


def bound(*ids: str) -> list[BindingType]:
    """The bindings with these ids: of a dialog, which shares most of its keys with others."""
    return bindings(KEYS[id] for id in ids)


def shown(keys: str) -> str:
    """As a person reads it: `^p`, `?`, `⏎`."""
    return " ".join(map(_face, keys.split(",")))


def _face(key: str) -> str:
    if key in SHOWN:
        return SHOWN[key]
    control, inner = key.startswith("ctrl+"), key.removeprefix("ctrl+")
    return f"{'^' if control else ''}{inner.upper() if _function(inner) else SHOWN.get(inner, inner)}"


def first_shown(key: Key, keymap: Mapping[str, str]) -> str:
    if key.face and key.id not in keymap:
        return key.face
    return shown(keymap.get(key.id, key.keys).split(",")[0].strip())


NOW: dict[str, str] = {}
"""The user's keys, by the ids of bindings; of a process, which has one user."""

SPOKEN = {"enter": "enter", "space": "space"}
"""In a sentence, where a sign would be overlooked."""


def rebind(keymap: Mapping[str, str]) -> None:
    """These are the user's keys from now on."""
    NOW.clear()
    NOW.update(keymap)


def face(id: str) -> str:
    """The key of this binding as it is now, as hints tell it: `⏎`, `^j`."""
    return shown(_first(id))


def pressed(id: str) -> str:
    """The same for a sentence: `enter`, `z`."""
    return SPOKEN.get(_first(id), face(id))


def _first(id: str) -> str:
    return NOW.get(id, KEYS[id].keys).split(",")[0].strip()


def hints(*told: str) -> str:
    """`dialog.take save` is told as `^j save`."""
    pairs = (one.partition(" ") for one in told if one)
    return "  ".join(f"{face(id) if id in KEYS else id} {words}" for id, _, words in pairs)


def doer(screen: "Screen[Answer]", key: Key) -> "DOMNode":
    """Whoever does what the key says: what has the focus there, something around it, or the screen."""
    return next((one.node for one in screen.active_bindings.values() if one.binding.id == key.id), screen)


def unknown(keymap: Mapping[str, str]) -> list[str]:
    """Ids in a user's keymap that name no binding."""
    known = {key.id for key in TABLE}
    return sorted(name for name in keymap if name not in known)


def page() -> str:
    """docs/keymap.md."""
    lines = [
        "# Keys",
        "",
        "Made from the binding table in `tui/keys.py`. Change one in `config.toml`:",
        "",
        "```toml",
        "[ui.keymap]",
        '"queue.cancel" = "X"',
        "```",
        "",
        f"`{LEADER}` waits for a second key: "
        + ", ".join(f"`{a.letter}` {a.title}" for a in AREAS)
        + f", `{LEADER_TOP}` top of the list. One-letter keys do nothing while you type in a field.",
    ]
    for where, title in TITLES.items():
        lines += ["", f"## {title}", "", "| keys | what it does | id |", "|---|---|---|"]
        lines += [
            f"| {' '.join(f'`{shown(k)}`' for k in key.keys.split(','))} | {key.does} | `{key.id}` |"
            for key in of(where)
        ]
    return "\n".join(lines) + "\n"


def _function(key: str) -> bool:
    return key[0] == "f" and key[1:].isdigit()
