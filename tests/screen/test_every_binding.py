"""Every key of a dialog or of a part of one, pressed there: what is seen then is what the key is said to do."""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from screen_disk import DiskDaemon
from screen_ways import press
from textual.dom import DOMNode
from textual.widgets import Input, OptionList

import tui
from schema.models import Fetching, Offer
from tui.dialogkeys import KNOWN_TAGS, OVER
from tui.keys import TABLE
from tui.screens import bundle, libraryoffers
from tui.widgets.headline import HeadLine
from tui.widgets.panel import Panel
from tui.widgets.promptarea import PromptArea

DAEMON = DiskDaemon
PATIENCE = 15.0
"""Seconds in which it is seen."""

MORE, LESS = object(), object()
"""What is looked at has become more, or less."""

LOW, NARROW = (80, 15), (80, 24)
"""Terminals in which a page does not fit, and in which fields stand in several lines."""

ASKED = ("/v1/plan", "/v1/prompt")
"""Commands that change nothing."""


class Here(NamedTuple):
    eyes: object
    daemon: DiskDaemon

    @property
    def app(self):
        return self.eyes.app

    @property
    def front(self):
        return self.eyes.app.screen


class Row(NamedTuple):
    """A binding, pressed."""

    way: str
    """Of `screen_ways`."""
    look: Callable[[Here], object]
    then: object
    """What `look` says afterwards, and did not say before."""
    keys: tuple[str, ...] = ()
    """Pressed before, `=words` typed; `#id` puts the focus there, `?words` waits until they are seen."""
    size: tuple[int, int] = (120, 36)


# What is looked at ----------------------------------------------------------------------------------


def front(here):
    """The screen one is at."""
    return type(here.front).__name__


def sees(words):
    return lambda here: words in here.eyes.text()


def sent(path, **fields):
    """Whether it was sent with these."""
    return lambda here: any(fields.items() <= body.items() for body in here.daemon.sent(path))


def part(query, attribute):
    return lambda here: getattr(here.front.query_one(query), attribute)


def option(here):
    return here.front.query_one(OptionList).highlighted


def name(here):
    """Where the cursor stands among names."""
    return here.front.names.cursor


def page(here):
    """How far it was scrolled."""
    return here.front.query_one("#details, #keys-help, #pane", Panel).top


def focus(here):
    return here.app.focused.id if here.app.focused is not None else ""


def ticked(tag):
    return lambda here: tag in here.front.ticks.on


def field(here):
    """The field of Run under the cursor."""
    return here.front.query_one(HeadLine).field.id


def field_at(here):
    return here.front.query_one(HeadLine).cursor


def offered(here):
    """The name or word that would be taken; None: none is offered."""
    area = here.front.query_one("#filter" if here.front.query("#filter") else "#prompt")
    names = getattr(area, "_list" if isinstance(area, Input) else "_names")
    return names.chosen().text if names is not None and names.display else None


def written(here):
    return here.front.query_one("#prompt", PromptArea).text


def varied(here):
    """Where one is, and whether the run has the profile."""
    return front(here), "profile mira" in here.eyes.text()


def model(here):
    """Of the form."""
    found = re.search(r" model +(?:[●!] )?(.*?) *▾", here.eyes.text())
    return found[1] if found else ""


# Rows -----------------------------------------------------------------------------------------------

EDITED = ("=x", "escape")
"""Out of a text that was changed: one is asked."""

OPENED = ("=, __s",)
"""Names that begin so are offered."""

HEAD = ("escape", "f")
"""Out of the prompt, to the fields above."""

TO_COUNT = (*HEAD, "l", "l", "l", "l", "l", "l")

PROFILE = ("#profile", "enter", "enter")
"""A profile is chosen."""

ROWS: dict[tuple[str, str], Row] = {
    ("Confirm", "dialog.yes"): Row("text", lambda here: bool(here.daemon.shelf.saved), True, EDITED),
    ("Confirm", "dialog.no"): Row("text", front, "StylesScreen", EDITED),
    ("Confirm", "dialog.leave"): Row("text", front, "TextEdit", EDITED),
    ("Choose", "dialog.down"): Row("order", option, MORE),
    ("Choose", "dialog.up"): Row("order", option, LESS, ("j",)),
    ("Choose", "dialog.leave"): Row("order", front, "QueueScreen"),
    ("Type", "dialog.back"): Row("moment", front, "QueueScreen", ("=12",)),
    **{("Stars", f"whole.rate{n}"): Row("whole", sent("/v1/images/rate", stars=n), True) for n in range(1, 6)},
    ("Stars", "whole.unrate"): Row("whole", sent("/v1/images/rate", stars=0), True),
    ("Stars", "dialog.leave"): Row("whole", front, "QueueScreen"),
    **{("Tags", f"tags.known{n}"): Row("tags", ticked(tag), True) for n, tag in enumerate(KNOWN_TAGS, 1)},
    ("Tags", "tags.own"): Row("tags", focus, "own"),
    ("Tags", "tags.done"): Row("tags", sent("/v1/images/tag", add=["burnt"]), True, ("3",)),
    ("Tags", "dialog.back"): Row("tags", front, "GalleryScreen", ("3",)),
    # Names
    ("Chooser", "chooser.down"): Row("names", name, MORE),
    ("Chooser", "chooser.up"): Row("names", name, LESS, ("down",)),
    ("Chooser", "chooser.half_down"): Row("word", name, MORE),
    ("Chooser", "chooser.half_up"): Row("word", name, LESS, ("pagedown",)),
    ("Chooser", "chooser.typed"): Row("names", model, "mine", ("=mine",)),
    ("Chooser", "chooser.nothing"): Row(
        "names", lambda here: (front(here), model(here)), ("RunScreen", "backend's own"), ("down", "enter", "enter")
    ),
    ("Chooser", "chooser.other"): Row("word", sees("[embeddings]"), True),
    ("Chooser", "chooser.refresh"): Row("names", sent("/v1/nodes/rtx3090/refresh"), True),
    ("Chooser", "dialog.back"): Row("names", front, "RunScreen"),
    ("Shelved", "saved.edit"): Row("shelved", front, "TextEdit"),
    ("Saved", "saved.new"): Row("saved", sees("Save a profile"), True, ("tab",)),
    ("Saved", "saved.rename"): Row("saved", sees("Rename fine"), True),
    ("Saved", "saved.delete"): Row("saved", lambda here: ("presets", "fine") in here.daemon.shelf.gone, True),
    # Forms
    ("Overwrite", "dialog.take"): Row(
        "overwrite", lambda here: bool(here.daemon.sent("/v1/jobs/edit")), True, ("=misty ",)
    ),
    ("Overwrite", "dialog.back"): Row("overwrite", front, "QueueScreen", ("=misty ",)),
    ("Offers", "offers.take"): Row("offers", sees("Sea is here: /models/sea"), True, ("=haze", "enter")),
    ("Offers", "offers.words"): Row("offers", focus, "search", ("=haze", "enter")),
    ("Offers", "dialog.back"): Row("offers", front, "ModelsScreen", ("=haze", "enter")),
    ("NewExperiment", "dialog.take"): Row(
        "experiment-new", lambda here: bool(here.daemon.sent("/v1/runs")), True,
        ("=txt2img.steps", "#levels", "=20, 30", "#variable"),
    ),
    ("NewExperiment", "experiment.name"): Row("experiment-new", front, "Chooser", ("=txt2img.sampler",)),
    ("NewExperiment", "dialog.back"): Row("experiment-new", front, "LearnScreen", ("=txt2img.steps",)),
    ("VaryForm", "vary.leave"): Row("vary", varied, ("RunScreen", True), PROFILE),
    ("VaryForm", "dialog.take"): Row("vary", varied, ("RunScreen", True), PROFILE),
    ("VaryForm", "vary.usual"): Row("vary", varied, ("RunScreen", False), PROFILE),
    ("TextEdit", "dialog.take"): Row("text", lambda here: bool(here.daemon.shelf.saved), True, ("=x",)),
    ("TextEdit", "write.fault"): Row("text", part("#text", "cursor_location"), LESS, ("=[", "down", "?bracket")),
    ("TextEdit", "dialog.back"): Row("text", front, "StylesScreen"),
    ("SaveBundle", "dialog.take"): Row(
        "bundle", lambda here: "/v1/learn/bundle?redact=prompts" in here.daemon.lectern.asked, True
    ),
    ("SaveBundle", "dialog.back"): Row("bundle", front, "LearnScreen"),
    ("Written", "dialog.back"): Row("written", front, "ConfigureScreen", ("=7",)),
    ("Themes", "dialog.down"): Row("themes", option, MORE, ("home",)),
    ("Themes", "dialog.up"): Row("themes", option, LESS, ("end",)),
    ("Themes", "dialog.leave"): Row("themes", front, "ConfigureScreen", ("j",)),
    ("PairNode", "dialog.back"): Row("pair", front, "NodesScreen", ("=12",)),
    # Pages
    ("Details", "page.down"): Row("gallery", page, MORE, ("e",), LOW),
    ("Details", "page.up"): Row("gallery", page, LESS, ("e", "j"), LOW),
    ("Details", "page.half_down"): Row("gallery", page, MORE, ("e",), LOW),
    ("Details", "page.half_up"): Row("gallery", page, LESS, ("e", "space"), LOW),
    ("Details", "page.leave"): Row("why", front, "QueueScreen"),
    ("KeysHelp", "page.down"): Row("help", page, MORE),
    ("KeysHelp", "page.up"): Row("help", page, LESS, ("j",)),
    ("KeysHelp", "page.half_down"): Row("help", page, MORE),
    ("KeysHelp", "page.half_up"): Row("help", page, LESS, ("space",)),
    ("KeysHelp", "page.leave_help"): Row("help", front, "QueueScreen"),
    ("VariantPane", "page.down"): Row("editor", page, MORE, ("ctrl+t", "#pane"), LOW),
    ("VariantPane", "page.up"): Row("editor", page, LESS, ("ctrl+t", "#pane", "j"), LOW),
    ("VariantPane", "page.half_down"): Row("editor", page, MORE, ("ctrl+t", "#pane"), LOW),
    ("VariantPane", "page.half_up"): Row("editor", page, LESS, ("ctrl+t", "#pane", "space"), LOW),
    # Parts of forms
    ("Tick", "fields.ask"): Row("bundle", part("#redact", "value"), False, ("#redact",)),
    ("Pick", "fields.ask"): Row("vary", front, "Shelved", ("#profile",)),
    ("Pick", "fields.clear"): Row("vary", part("#profile", "value"), "", PROFILE),
    ("HeadLine", "fields.next"): Row("run-new", field, "pipeline", HEAD),
    ("HeadLine", "fields.before"): Row("run-new", field, "pack", (*HEAD, "l")),
    ("HeadLine", "fields.below"): Row("run-new", field_at, MORE, HEAD),
    ("HeadLine", "fields.above"): Row("run-new", field_at, LESS, (*HEAD, "j")),
    ("HeadLine", "fields.first"): Row("run-new", field_at, 0, (*HEAD, "j", "l")),
    ("HeadLine", "fields.last"): Row("run-new", field_at, MORE, HEAD),
    ("HeadLine", "fields.ask"): Row("run-new", front, "Shelved", HEAD),
    ("HeadLine", "fields.clear"): Row("run-new", sees("count 1 "), True, (*TO_COUNT, "plus")),
    ("HeadLine", "fields.more"): Row("run-new", sees("count 2"), True, TO_COUNT),
    ("HeadLine", "fields.less"): Row("run-new", sees("count 2"), True, (*TO_COUNT, "plus", "plus")),
    ("FormList", "held.down"): Row("editor-places", part("#places", "cursor"), 1),
    ("FormList", "held.up"): Row("editor-places", part("#places", "cursor"), 0, ("j",)),
    ("FormList", "held.half_down"): Row("editor-places", part("#places", "cursor"), MORE),
    ("FormList", "held.half_up"): Row("editor-places", part("#places", "cursor"), LESS, ("G",)),
    ("FormList", "held.top"): Row("editor-places", part("#places", "cursor"), 0, ("G",)),
    ("FormList", "held.bottom"): Row("editor-samples", part("#samples", "cursor"), 5),
    # As one types
    ("PromptArea", "names.take"): Row("run", lambda here: written(here).endswith(", __sea__"), True, ("=, __se",)),
    ("PromptArea", "names.next"): Row("run", offered, "__sky/high__", OPENED),
    ("PromptArea", "names.before"): Row("run", offered, "__sky__", (*OPENED, "?__sky/high__", "down")),
    ("PromptArea", "names.close"): Row("run", offered, None, OPENED),
    ("FilterInput", "filter.take"): Row("queue", part("#filter", "value"), "state:", ("/", "=st")),
    ("FilterInput", "filter.next"): Row("queue", offered, "failed", ("/", "=state:f")),
    ("FilterInput", "filter.before"): Row("queue", offered, "finished", ("/", "=state:f", "down")),
    ("FilterInput", "filter.give_up"): Row("queue", part("#filter", "value"), "", ("/", "=knights")),
}  # fmt: skip


def bound() -> dict[str, set[str | None]]:
    """Ids of the bindings that every class of ours has itself."""
    modules = [importlib.import_module(one.name) for one in pkgutil.walk_packages(tui.__path__, "tui.")
               if not one.name.endswith("__main__")]  # fmt: skip
    classes = {one for module in modules for one in vars(module).values() if isinstance(one, type)}
    ours = [one for one in classes if issubclass(one, DOMNode) and one.__module__.startswith("tui.")]
    return {one.__name__: {binding.id for binding in vars(one).get("BINDINGS", ())} for one in ours}


OVERS = {key.id: key for key in OVER}


def test_every_binding_is_in_the_table_of_keys():
    known = {key.id for key in TABLE}
    assert {(cls, id) for cls, ids in bound().items() for id in ids if id not in known} == set()


def test_every_binding_of_a_dialog_is_pressed():
    """Those of areas are, in the test of every key."""
    assert {(cls, id) for cls, ids in bound().items() for id in ids if id in OVERS} == set(ROWS)


@pytest.fixture(autouse=True)
def outside(tmp_path, monkeypatch):
    """One model that others offer, and a home of one's own to save into."""
    offer = Offer(source="civitai", id="civitai:7", name="Sea", list="checkpoints", base="sdxl", bytes=144)

    async def offers(asker, words, of):
        return (offer,)

    async def fetching(asker, wanted):
        yield Fetching(id=wanted.id, state="done", path="/models/sea")

    monkeypatch.setattr(libraryoffers, "offers", offers)
    monkeypatch.setattr(libraryoffers, "fetching", fetching)
    monkeypatch.setattr(bundle, "write", lambda path, content: None)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=" ".join)
async def test_it_does_what_it_says(at, daemon, row):
    cls, id = row
    way, look, then, keys, size = ROWS[row]
    async with at(way, *size) as eyes:
        here = Here(eyes, daemon)
        await prepared(eyes, keys)
        await eyes.settle()
        names = OVERS[id].keys.split(",")
        assert [name for name in names if not bound_here(eyes, name, id, cls)] == []
        was, before = look(here), changing(daemon)
        assert then in (MORE, LESS) or was != then, f"it is so before: {was}"
        await eyes.press(names[0])
        try:
            async with asyncio.timeout(PATIENCE):
                await eyes.until(lambda: became(was, look(here), then))
        except TimeoutError:
            raise AssertionError(f"{was} became {look(here)}:\n{eyes.text()}") from None
        if OVERS[id].action == "leave":
            await eyes.quiet()
            assert changing(daemon) == before


async def prepared(eyes, keys):
    for key in keys:
        if key.startswith("#"):
            eyes.app.screen.set_focus(eyes.app.screen.query_one(key))
        elif key.startswith("?"):
            await eyes.sees(key[1:])
        else:
            await press(eyes, (key,))


def bound_here(eyes, name, id, cls):
    found = eyes.app.screen.active_bindings.get(name)
    return found is not None and found.binding.id == id and cls in {one.__name__ for one in type(found.node).__mro__}


def became(was, now, then):
    if then is MORE:
        return now > was
    return now < was if then is LESS else now == then


def changing(daemon):
    return [body for path, body, _ in daemon.commands if path not in ASKED]
