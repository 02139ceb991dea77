"""Changing one setting of a file that a person wrote: everything else of it stays, or nothing is changed."""

import random
import tomllib

import pytest

from schema.errors import Refused
from tui.link.configtext import drop, put

MINE = """# mine
[daemon]   # the program
retries = 5   # "five" # tries
command = [
  "a", # one
  "b",
]
# after

[ui]
theme = "nord"

[ui.keymap]
"queue.cancel" = "X"
"""


def differs(before, after):
    """Lines that are gone, and new ones."""
    old, new = before.split("\n"), after.split("\n")
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("path", "value", "gone", "new"),
    [
        (("daemon", "retries"), 7, ['retries = 5   # "five" # tries'], ['retries = 7   # "five" # tries']),
        (("daemon", "backoff"), 2.5, [], ["backoff = 2.5"]),
        (("daemon", "command"), ["c"], ["command = [", '  "a", # one', '  "b",', "]"], ['command = ["c"]']),
        (("ui", "theme"), 'a "b" #c', ['theme = "nord"'], [r'theme = "a \"b\" #c"']),
        (("ui", "keymap", "queue.hold"), "h", [], ['"queue.hold" = "h"']),
        (("run", "video"), True, [], ["[run]", "video = true"]),
        (("hooks", "sleep"), {"on": ["attention"]}, [], ["[hooks.sleep]", 'on = ["attention"]']),
    ],
)
def test_one_line_changes_and_remarks_and_order_stay(path, value, gone, new):
    assert differs(MINE, put(MINE, path, value)) == (gone, new)


def test_a_new_setting_stands_behind_the_others_of_its_table():
    lines = put(MINE, ("daemon", "backoff"), 2.5).split("\n")
    assert lines[lines.index("backoff = 2.5") - 1 :][:3] == ["]", "backoff = 2.5", "# after"]


def test_a_setting_goes_and_with_the_last_one_its_table():
    assert differs(MINE, drop(MINE, ("daemon", "retries"))) == (['retries = 5   # "five" # tries'], [])
    assert differs(MINE, drop(MINE, ("ui", "keymap", "queue.cancel")))[0] == ["[ui.keymap]", '"queue.cancel" = "X"']
    assert drop(MINE, ("ui", "mouse")) == MINE
    assert tomllib.loads(drop(MINE, ("ui",))).keys() == {"daemon"}
    assert drop('[ui]\ntheme="x"\n', ("ui", "theme")) == ""


def test_an_empty_file_and_one_with_the_line_ends_of_windows():
    assert put("", ("ui", "theme"), "x") == '[ui]\ntheme = "x"\n'
    assert put('ui.theme = "x"\r\n# end\r\n', ("ui", "theme"), "y") == 'ui.theme = "y"\r\n# end\r\n'


def test_what_only_a_person_can_change_is_refused_and_not_broken():
    with pytest.raises(Refused, match=r"ui\.mouse: is written in the file in a way that only you can change"):
        put('ui = {theme = "x"}\n', ("ui", "mouse"), False)
    with pytest.raises(Refused):
        put('[[ui]]\ntheme = "x"\n', ("ui", "mouse"), False)


VALUES = [1, 2.5, True, "plain", 'a "quoted" \\ # word', "ünï", ["a", "b # c"], {"x": 1, "a b": "#"}, "x\x7f\ty"]


def test_any_changes_in_any_order_are_the_tree_that_was_meant():
    """The standard library reads back what every step made."""
    draws = random.Random(8)
    paths = [("a", "b"), ("a", "c.d"), ("a", "e", "f"), ("g", "h"), ("g", "b"), ("k", "l", "m n")]
    for _ in range(60):
        text, meant = "# top\n", {}
        for _ in range(8):
            path = draws.choice(paths)
            if draws.random() < 0.3:
                text = drop(text, path)
                meant.pop(path, None)
            else:
                meant[path] = draws.choice(VALUES)
                text = put(text, path, meant[path])
        assert text.startswith("# top")
        assert found(tomllib.loads(text), paths) == meant


def found(tree, paths):
    told = {}
    for path in paths:
        here = tree
        for part in path:
            here = here.get(part) if isinstance(here, dict) else None
        if here is not None:
            told[path] = here
    return told
