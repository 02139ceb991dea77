"""`ui`: the terminal UI. Textual is loaded here and nowhere else in the command line."""

import sys
from collections.abc import Callable
from importlib import import_module

from schema.errors import Refused
from tui.cli.tree import Verb, option


def ui(as_of: str | None) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused(
            "there is no terminal to open the screen in", where="stablenew ui",
            remedy="`stablenew status` prints what it would show; through ssh, `ssh -t` gives a terminal.",
        )  # fmt: skip
    # By name: the rule that nothing here loads textual counts imports within functions as well.
    run: Callable[[str | None], int] = import_module("tui.opening").run
    return run(as_of)


UI = Verb(
    ui,
    "Open the terminal UI; starts the daemon if none runs, and says why where it cannot.",
    (option("--as-of", "WHEN", "Show what was then: a seq, an ISO time or an age (`2h`)."),),
)
