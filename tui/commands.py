"""What the palette finds: keys of where one is, by what they do, their names or other words; then those of elsewhere.

A command of another area goes there and tells the key: what it acts upon is chosen there.
"""

from collections.abc import Iterator
from functools import partial

from textual.app import SystemCommand
from textual.command import Hit, Hits
from textual.system_commands import SystemCommandsProvider

from tui.app import StableNew
from tui.keys import AREAS, TABLE, TITLES, shown
from tui.screens.area import AreaScreen

ALSO = {
    "app.back": "quit exit",
    "app.leave": "quit exit",
    "app.redraw": "refresh repaint",
    "list.filter": "search find",
    "gallery.trash": "delete remove",
    "queue.away": "delete remove",
    "queue.cancel": "stop abort",
    "queue.new": "generate create",
    "run.queue": "generate start submit",
    "run.stop": "cancel abort",
    "run.vary": "randomize randomizer",
    "nodes.pair": "connect join",
    "theme": "colors dark light",
}
"""Words that people look for and that stand nowhere else: they need no key of ours to say them."""

PLACES = {
    **{area.id: area.id for area in AREAS},
    "queue": "queue.jobs", "runs": "queue.runs", "models": "library.models", "packs": "library.packs",
    "shelf": "library.packs", "stages": "run", "logs": "logs.events",
}  # fmt: skip
"""Where one goes for the keys of a place."""

HERE, ELSEWHERE = 200.0, 100.0
"""Added to the score of what is found word by word, so that it comes before what has merely its letters."""


class Commands(SystemCommandsProvider):
    async def search(self, query: str) -> Hits:
        matcher, words = self.matcher(query), query.lower().split()
        home = self.app
        assert isinstance(home, StableNew)
        for near, (name, told, act, _) in (
            *((HERE, one) for one in home.get_system_commands(self.screen)),
            *((ELSEWHERE, one) for one in elsewhere(home, self.screen)),
        ):
            id = told.rpartition(" · ")[2]
            text = f"{name} {told} {ALSO.get(id, ALSO.get(name, ''))}".lower()
            score = matcher.match(name)
            if all(word in text for word in words):
                yield Hit(near + score, matcher.highlight(name), act, text=name, help=told)
            elif score > 0 and near is HERE:
                yield Hit(score, matcher.highlight(name), act, text=name, help=told)


def elsewhere(home: StableNew, screen: object) -> Iterator[SystemCommand]:
    """What keys do in the areas that one is not in."""
    if not isinstance(screen, AreaScreen):
        return
    here = {told for key in screen.hinted() for told in (key.id, key.does)}
    for key in TABLE:
        if key.where in PLACES and not here & {key.id, key.does} and home.may(key.id):
            pressed = shown(home.keymap_of_user.get(key.id, key.keys))
            told = f"goes to {TITLES[key.where]}, where it is {pressed} · {key.id}"
            yield SystemCommand(key.does, told, partial(home.call_later, home.action_go, PLACES[key.where]))
