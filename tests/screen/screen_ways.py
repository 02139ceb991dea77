"""The way to every screen of the terminal UI, in keys: what is pressed from the start, and what is seen on arrival."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from screen_disk import DiskDaemon
from screen_things import STRANGERS, make_image
from textual.screen import Screen

import tui.screens
from schema.ids import JobId, RunId
from schema.scenes import Delta, RunScene
from tui.screens.listarea import ListScreen

if TYPE_CHECKING:
    from conftest import Eyes

SEA = "a harbour in {dawn|dusk} light, __sky__"
CONFIG = "# mine\n[daemon]\nretries = 5 # tries\n"


class Way(NamedTuple):
    screen: str
    """The class that is in front on arrival."""
    after: str = ""
    """The way that this one goes on from; empty: the start."""
    keys: tuple[str, ...] = ()
    """Pressed one after the other; `=words` types words."""
    sees: tuple[str, ...] = ()
    """At every size."""
    given: Callable[[DiskDaemon], None] | None = None
    """What the daemon has by then."""
    by: Callable[["Eyes", DiskDaemon], Awaitable[None]] | None = None
    """Instead of keys, where they depend on where things stand."""


async def go(eyes: "Eyes", daemon: DiskDaemon, name: str, *, words: bool = True) -> None:
    """`words` off: it is there when the screen is, whatever is called what."""
    way = WAYS[name]
    if way.after:
        await go(eyes, daemon, way.after, words=words)
    if way.by is not None:
        await way.by(eyes, daemon)
    await press(eyes, way.keys)
    await eyes.until(lambda: type(eyes.app.screen).__name__ == way.screen and is_filled(eyes))
    if words:
        await eyes.until(lambda: all(word in eyes.text() for word in way.sees), f"{name}: {way.sees}")
    await eyes.quiet()


def is_filled(eyes: "Eyes") -> bool:
    """A list has its first rows."""
    screen = eyes.app.screen
    listing = screen.listing if isinstance(screen, ListScreen) else None
    return listing is None or listing.pages.known


async def press(eyes: "Eyes", names: tuple[str, ...]) -> None:
    for name in names:
        await eyes.press(*(name[1:] if name[:1] == "=" and len(name) > 1 else (name,)))
        await eyes.quiet()


def prepare(daemon: DiskDaemon, name: str) -> None:
    """What the daemon has on the way there."""
    way = WAYS[name]
    if way.after:
        prepare(daemon, way.after)
    if way.given is not None:
        way.given(daemon)


def at_home(eyes: "Eyes", folder: Path) -> None:
    """With settings of one's own."""
    file = folder / "config.toml"
    file.write_text(CONFIG, "utf-8")
    eyes.app.settings_file, eyes.app.env = file, {"STABLENEW_HOME": "/home/ada"}


def classes() -> dict[str, type[Screen[object]]]:
    """Of all screens that are defined, by their names."""
    modules = [importlib.import_module(f"tui.screens.{one.name}") for one in pkgutil.iter_modules(tui.screens.__path__)]
    found = [one for module in modules for one in vars(module).values() if isinstance(one, type)]
    return {one.__name__: one for one in found if issubclass(one, Screen) and one.__module__.startswith("tui.")}


# What the daemon has --------------------------------------------------------------------------------


def unrated(daemon: DiskDaemon) -> None:
    daemon.images = [msgspec.structs.replace(image, stars=0, tags=()) for image in daemon.images[:6]]


def pairs(daemon: DiskDaemon) -> None:
    daemon.learned.pairs = [("im000000", "im000003"), ("im000005", "im000001"), ("im000002", "im000004")]


def experiment(daemon: DiskDaemon) -> None:
    """Pictures of the learning run that is under way."""
    unrated(daemon)
    daemon.images = [msgspec.structs.replace(one, run=RunId("le4rnrun")) for one in daemon.images]
    daemon.learned.knob = "txt2img.steps"
    daemon.learned.levels = {f"im{n:06d}": (("15", "20", "25")[n % 3], 40 + n // 3) for n in range(6)}


def asking(daemon: DiskDaemon) -> None:
    daemon.nodes = (*daemon.nodes, *STRANGERS)


def trashed(daemon: DiskDaemon) -> None:
    daemon.put_away(3)


def fresh(daemon: DiskDaemon) -> None:
    """Nothing was ever made."""
    daemon.rows, daemon.images, whole = [], [], daemon.scene
    daemon.under_way = ()
    daemon.scene = lambda: msgspec.structs.replace(whole(), head=12, runs=daemon.under_way, running=())


# Ways that depend on where things stand -------------------------------------------------------------


async def stages(eyes: "Eyes", daemon: DiskDaemon) -> None:
    await eyes.until(lambda: eyes.app.screen.cards.form.stages)
    eyes.app.screen.action_pane_of("stages")
    await eyes.until(lambda: eyes.app.focused is eyes.app.screen.cards)


async def steps(eyes: "Eyes", daemon: DiskDaemon) -> None:
    await stages(eyes, daemon)
    eyes.app.screen.cards.stand("txt2img.steps")


async def model(eyes: "Eyes", daemon: DiskDaemon) -> None:
    await stages(eyes, daemon)
    eyes.app.screen.cards.stand("txt2img.model")
    await eyes.press("enter")


async def places(eyes: "Eyes", daemon: DiskDaemon) -> None:
    eyes.app.screen.set_focus(eyes.app.screen.query_one("#places"))


async def samples(eyes: "Eyes", daemon: DiskDaemon) -> None:
    eyes.app.screen.set_focus(eyes.app.screen.query_one("#samples"))


async def first_picture(eyes: "Eyes", daemon: DiskDaemon) -> None:
    """It was asked for, and is made."""
    daemon.under_way = (RunScene(run=RunId("newrun22"), name="first picture", jobs=1),)
    await eyes.press("enter")
    await eyes.until(lambda: daemon.sent("/v1/runs"))
    await daemon.tell(Delta(head=14, runs=daemon.under_way))
    daemon.images = [msgspec.structs.replace(make_image(3), job=JobId("newrun22.1"), run=RunId("newrun22"))]
    daemon.under_way = ()
    await daemon.tell(Delta(head=20, runs=()))


async def past(eyes: "Eyes", daemon: DiskDaemon) -> None:
    await eyes.press("@")
    await eyes.until(lambda: type(eyes.app.screen).__name__ == "Type")
    await eyes.press(*"5000", "enter")
    await eyes.until(lambda: eyes.app.past)


BACK, ON = "left_square_bracket", "right_square_bracket"

WAYS: dict[str, Way] = {
    "queue": Way("QueueScreen", sees=("kn00gt7a.1 ", "knights")),
    "runs-folded": Way("RunsScreen", "queue", (ON,), ("[Runs]", "kn00gt7a ")),
    "run-new": Way("RunScreen", "queue", ("f3",), ("[Generate]",)),
    "run": Way("RunScreen", "run-new", ("=" + SEA,), ("6 variants",)),
    "run-like": Way("RunScreen", "queue", ("c",), ("like kn00gt7a.1", "masterpiece")),
    "stages": Way("RunScreen", "run-new", sees=("[x] 1 txt2img",), by=stages),
    "stages-steps": Way("RunScreen", "run-new", sees=("[x] 1 txt2img",), by=steps),
    "gallery": Way("GalleryScreen", "queue", ("f4",), ("kn00gt7a.1 ", "▀▀▀▀")),
    "trash": Way("GalleryScreen", "queue", ("f4", "T"), ("Trash",), trashed),
    "learn": Way("LearnScreen", "queue", ("f5",), ("[Insights]", "30 to 35 steps")),
    "learn-experiments": Way("LearnScreen", "learn", (ON,), ("[Experiments]", "24/60 made")),
    "learn-report": Way("LearnScreen", "learn", (BACK,), ("[Report]",)),
    "nodes": Way("NodesScreen", "queue", ("f6",), ("studio", "attic")),
    "fleet-asking": Way("NodesScreen", "nodes", sees=("laptop asks to join",), given=asking),
    "packs-all": Way("PacksScreen", "queue", ("f7",), ("[Packs]", "knights", "broken")),
    "models-here": Way("ModelsScreen", "packs-all", (ON,), ("[Models]", "line_07")),
    "loras": Way("LorasScreen", "models-here", (ON,), ("[LoRAs]",)),
    "wildcards": Way("WildcardsScreen", "loras", (ON,), ("[Wildcards]", "sky/high")),
    "styles": Way("StylesScreen", "wildcards", (ON,), ("[Styles]", "woodcut [old]")),
    "profiles": Way("ProfilesScreen", "styles", (ON,), ("[Profiles]", "mira")),
    "workflows": Way("WorkflowsScreen", "packs-all", (BACK,), ("[Workflows]", "oils")),
    "overlays": Way("OverlaysScreen", "workflows", (BACK,), ("[Overlays]", "gentle")),
    "templates": Way("TemplatesScreen", "overlays", (BACK,), ("[Templates]", "portrait")),
    "pipelines": Way("PipelinesScreen", "templates", (BACK,), ("[Pipelines]", "quick")),
    "presets": Way("PresetsScreen", "pipelines", (BACK,), ("[Presets]", "fine")),
    "logs": Way("LogsScreen", "queue", ("f8",), ("5310",)),
    "lines": Way("LinesScreen", "logs", (ON,), ("[Programs]", "look 59")),
    "settings": Way("ConfigureScreen", "queue", ("f9",), ("theme", "passive")),
    "settings-keys": Way("ConfigureScreen", "settings", (ON,), ("[Keys]",)),
    "then": Way("QueueScreen", "queue", sees=("event 5,000 of 5,310",), by=past),
    # What lies over them
    "leave": Way("Confirm", "queue", ("q",), ("Leave? The daemon keeps running.",)),
    "order": Way("Choose", "queue", ("s",), ("Order", "newest")),
    "moment": Way("Type", "queue", ("@",), ("Go to",)),
    "help": Way("KeysHelp", "queue", ("?",), ("Keys",)),
    "stands": Way("Stands", "queue", ("!",), ("How the daemon stands",)),
    "why": Way("Details", "queue", ("j", "j", "w"), ("It is third in its lane",)),
    "whole": Way("Stars", "queue", ("W",), ("How good are the pictures",)),
    "overwrite": Way("Overwrite", "queue", ("j", "j", "e"), ("Sent as it stands here",)),
    "differs": Way("Details", "then", ("=",), ("Different from now",)),
    "happened": Way("Details", "then", ("w",), ("Event 5,000",)),
    "zoom": Way("Zoom", "gallery", ("enter",), ("▀▀▀▀", "1 of 318")),
    "compare-two": Way("Compare", "gallery", ("space", "space", "c"), ("which is better?", "▀▀▀▀")),
    "tags": Way("Tags", "gallery", ("t",), ("nailed it",)),
    "bring": Way("Type", "gallery", ("I",), ("Bring in pictures",)),
    "inbox": Way("InboxScreen", "gallery", ("i",), ("1 of 6", "masterpiece"), unrated),
    "inbox-keys": Way("OwnKeys", "inbox", ("?",), ("Keys",)),
    "duel": Way("DuelScreen", "gallery", ("b",), ("▀▀▀", "masterpiece"), pairs),
    "disk": Way("DiskScreen", "gallery", ("M",), ("final pictures", "91.0 GB free", "1 file is damaged", "knights 0")),
    "experiment-new": Way("NewExperiment", "learn", ("n",), ("New experiment",)),
    "bundle": Way("SaveBundle", "learn", ("e",), ("Save what was learned",)),
    "comparison-new": Way("ComparisonScreen", "learn-experiments", ("c",), ("1 of 2", "▀▀▀"), experiment),
    "pair": Way("PairNode", "fleet-asking", ("P",), ("Pair laptop",)),
    "text": Way("TextEdit", "styles", ("e",), ("Style  film",)),
    "offers": Way("Offers", "models-here", ("S",), ("Models on Civitai and Hugging Face",)),
    "editor": Way("PromptEditor", "run", ("ctrl+e",), ("into the run", "6 variants")),
    "editor-places": Way("PromptEditor", "editor", sees=("__sky__",), by=places),
    "editor-samples": Way("PromptEditor", "editor", by=samples),
    "vary": Way("VaryForm", "run", ("ctrl+o",), ("How it varies",)),
    "word": Way("WordPick", "run", ("ctrl+f",), ("film_grain",)),
    "saved": Way("Saved", "run-new", ("ctrl+n",), ("[presets]", "quick look")),
    "shelved": Way("Shelved", "run-new", ("escape", "f", "enter"), ("knights",)),
    "own-pipelines": Way("Pipelines", "stages", ("o",), ("standard",)),
    "names": Way("Chooser", "run-new", sees=("juggernautXL_v9.safetensors",), by=model),
    "written": Way("Written", "settings", ("/", "=max_variants", "enter", "enter"), ("run.max_variants",)),
    "themes": Way("Themes", "settings", ("enter",), ("⏎ take it",)),
    "press-a-key": Way("PressKey", "settings-keys", ("enter",), ("Press the key for",)),
    "welcome": Way("Welcome", sees=("makes the first picture",), given=fresh),
    "welcome-picture": Way("Welcome", "welcome", sees=("How do you like it?",), by=first_picture),
}
