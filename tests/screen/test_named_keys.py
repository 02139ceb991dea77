"""Sentences and hints name the keys that the user has, wherever they stand."""

import pytest
from screen_disk import DiskDaemon

from tui import keys
from tui.preferences import Preferences
from tui.widgets.lessonwords import nothing_yet

DAEMON = DiskDaemon

MINE = Preferences(keymap={
    "app.undo": "U", "app.redo": "ctrl+y", "list.filter": "F", "list.clear": "backspace", "dialog.leave": "Q",
    "dialog.back": "ctrl+w", "dialog.yes": "Y", "dialog.take": "ctrl+b", "nodes.add": "V", "app.leader": "semicolon",
    "gallery.restore": "ctrl+n", "gallery.trash_view": "P", "page.leave": "Q", "tags.known1": "exclamation_mark",
    "settings.clear": "Q", "learn.stop": "E", "welcome.make": "M", "welcome.leave": "Q",
})  # fmt: skip


def test_a_key_is_named_as_it_is_bound_now():
    keys.rebind({"app.undo": "ctrl+u,U", "list.mark": "enter"})
    assert (keys.pressed("app.undo"), keys.face("app.undo")) == ("^u", "^u")
    assert (keys.pressed("list.mark"), keys.face("list.mark")) == ("enter", "⏎")
    assert keys.hints("⏎ take", "app.undo back", "app.redo again") == "⏎ take  ^u back  Z again"
    keys.rebind({})
    assert (keys.pressed("app.undo"), keys.pressed("list.mark")) == ("z", "space")


def test_what_may_be_bound_is_named_in_words_that_are_made_from_it():
    keys.rebind({"gallery.rate1": "A", "gallery.rate5": "E", "learn.new": "ctrl+n"})
    told = "\n".join("".join(piece.text for piece in line) for line in nothing_yet(200))
    keys.rebind({})
    assert "Keys A to E rate a picture" in told and "^n begins an experiment" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "pressed", "words"),
    [
        ("queue", (), ["press F to filter"]),
        ("queue", ("U",), ["taken back: cancel 2 jobs; ^y does it again"]),
        ("queue", ("semicolon",), ["; then", "q Queue"]),
        ("queue", ("question_mark",), ["After ;"]),
        ("queue", ("a", "H"), ["Hold 131 jobs?", "U takes it back.", "Y ⏎ yes", "Q back"]),
        ("gallery", ("ctrl+n",), ["P shows the trash; there ^n takes a picture out of it"]),
        ("gallery", ("d",), ["in the trash; U takes it back"]),
        ("gallery", ("F", *"zebra", "enter"), ["fits the filter; backspace clears it"]),
        ("gallery", ("P",), ["P back"]),
        ("nodes", ("P",), ["V brings in one"]),
        ("learn-experiments", ("E",), ["stopped; what is made stays"]),
        ("queue", ("a", "space"), ["all are marked; backspace clears that"]),
        ("moment", (), ["^w back"]),
        ("tags", (), ["!-6 on or off", "! [", "^w back"]),
        ("overwrite", (), ["^b take it", "^w as it was"]),
        ("whole", (), ["1-5 stars", "Q back", "U takes it back"]),
        ("settings", ("slash", *"nothing like it", "enter"), ["Q shows all"]),
        ("welcome", (), ["M  makes the first picture", "Q the queue"]),
    ],
)
async def test_sentences_follow_the_users_keymap(at, way, pressed, words):
    async with at(way, ui=MINE, words=False) as eyes:
        await eyes.press(*pressed)
        await eyes.sees(*words)
