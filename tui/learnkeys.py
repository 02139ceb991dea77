"""The keys of the Learn area."""

from tui.picturekeys import Key

LEARN = (
    Key("learn.rate", "r", "rate what waits, blind: nothing of how it was made is shown", "rate", "learn", "rate"),
    Key("learn.apply", "a", "let new runs of the pack take over what is recommended", "apply", "learn", "apply"),
    Key("learn.numbers", "i", "the numbers behind the words, or without them", "numbers", "learn", "numbers"),
    Key("learn.queue", "f", "queue the experiment that is proposed", "queue", "learn", "queue it"),
    Key("learn.new", "n", "new experiment", "new", "learn", "new"),
    Key("learn.knob", "full_stop,greater_than_sign", "the plot of the next setting", "knob(1)", "learn", "plot", "< >"),
    Key("learn.knob_back", "comma,less_than_sign", "the plot of the setting before", "knob(-1)", "learn"),
    Key("learn.tab", "right_square_bracket", "next tab", "tab(1)", "learn", "tab", "[ ]"),
    Key("learn.tab_back", "left_square_bracket", "the tab before", "tab(-1)", "learn"),
    Key("learn.duel", "b", "two pictures of the pack: which is better", "duel", "learn", "which is better"),
    Key("learn.compare", "c", "pictures of the experiment side by side", "compare", "learn", "compare"),
    Key("learn.stop", "x", "stop the experiment; what is made stays", "stop", "learn", "stop"),
    Key("learn.mode", "M", "what is learned from: off, passive, active", "mode", "learn", "mode"),
    Key("learn.more", "A", "take over something else, or nothing any more", "more", "learn"),
    Key("learn.suggested", "S", "presets that others propose; ask a language model for one", "suggested", "learn"),
    Key("learn.past", "t", "as of a date or a seq; empty: now", "past", "learn"),
    Key("learn.dismiss", "d", "do not tell me again what is claimed of this setting", "unsay", "learn"),
    Key("learn.export", "e", "all of it as a file for a language model", "export", "learn"),
    Key("learn.open", "enter,l,right", "to the words; then they scroll", "open", "learn", "open"),
    Key("learn.list", "escape,h,left", "back to the list; then away with what was taken back", "list", "learn"),
    Key("learn.down", "j,down", "down", "move(1)", "learn"),
    Key("learn.up", "k,up", "up", "move(-1)", "learn"),
    Key("learn.half_down", "ctrl+d,pagedown", "half a page down", "half(1)", "learn"),
    Key("learn.half_up", "ctrl+u,pageup", "half a page up", "half(-1)", "learn"),
    Key("learn.bottom", "G,end", "to the bottom", "bottom", "learn"),
    Key("learn.top", "home", "to the top; `gg` too", "top", "learn"),
    Key("learn.copy", "y", "copy what is told", "copy", "learn"),
)

ELSEWHERE = {
    "insights": ("learn.compare", "learn.stop"),
    "experiments": ("learn.apply",),
    "report": ("learn.apply", "learn.compare", "learn.stop", "learn.knob", "learn.open"),
}
"""By tab, keys that do something in others only: its last line does not tell them."""
