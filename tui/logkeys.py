"""The keys of the Logs area."""

from tui.picturekeys import Key

LOGS = (
    Key("logs.follow", "f", "go along with what comes, or stand still", "follow", "logs", "follow"),
    Key("logs.tab", "right_square_bracket", "next tab: events, or what the programs wrote", "tab(1)", "logs", "tab",
        "[ ]"),
    Key("logs.tab_back", "left_square_bracket", "the tab before", "tab(-1)", "logs"),
    Key("logs.kind", "t", "only trouble, or only one kind", "kind", "logs", "kind"),
    Key("logs.what", "w", "what it changed", "what", "logs", "changed"),
    Key("logs.subject", "J", "go to its job, picture, run or node", "subject", "logs", "go to it"),
    Key("logs.wish", "c", "only what came of the same wish", "wish", "logs"),
    Key("logs.cause", "b", "back to the event that led to it", "cause", "logs", "cause"),
    Key("logs.details", "l,right", "to the details", "details", "logs"),
    Key("logs.list", "h,left", "back to the list", "list", "logs"),
)  # fmt: skip
