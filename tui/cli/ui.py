"""`ui`: the terminal UI. Textual is loaded here and nowhere else in the command line."""

from tui.cli import ask
from tui.cli.tree import Verb, option


def ui(as_of: str | None) -> int:
    from tui.app import run

    ask.started()
    return run(as_of)


UI = Verb(
    ui,
    "Open the terminal UI; starts the daemon if none runs.",
    (option("--as-of", "WHEN", "Show what was then: a seq, an ISO time or an age (`2h`)."),),
)
