"""The keys of the Settings area, and of the first start."""

from tui.picturekeys import Key, stars

SETTINGS = (
    Key("settings.change", "enter,l,right", "change it; of a key: press another", "change", "settings", "change"),
    Key("settings.turn", "space", "on or off; the next choice", "turn", "settings", "on/off"),
    Key("settings.reset", "d,delete,backspace", "back to its default", "reset", "settings", "default"),
    Key("settings.file", "e", "open the file in your editor, at this line", "file", "settings", "open file"),
    Key("settings.again", "ctrl+r", "start the daemon again, so that it obeys what changed", "again", "settings",
        "restart daemon"),
    Key("settings.filter", "slash", "find a setting by words", "filter", "settings", "find"),
    Key("settings.set", "c", "only what is not as it was by default, or all", "only_set", "settings", "changed"),
    Key("settings.add", "a", "one more key for the same", "add", "settings"),
    Key("settings.tab", "right_square_bracket", "keys, or settings again", "tab(1)", "settings", "keys", "[ ]"),
    Key("settings.tab_back", "left_square_bracket", "settings, or keys again", "tab(-1)", "settings"),
    Key("settings.clear", "escape,h,left", "show all again", "clear", "settings"),
    Key("settings.down", "j,down", "down", "move(1)", "settings"),
    Key("settings.up", "k,up", "up", "move(-1)", "settings"),
    Key("settings.section", "J", "to the next section", "section(1)", "settings"),
    Key("settings.section_back", "K", "to the section before", "section(-1)", "settings"),
    Key("settings.half_down", "ctrl+d,pagedown", "half a page down", "half(1)", "settings"),
    Key("settings.half_up", "ctrl+u,pageup", "half a page up", "half(-1)", "settings"),
    Key("settings.bottom", "G,end", "to the bottom", "bottom", "settings"),
    Key("settings.top", "home", "to the top; `gg` too", "top", "settings"),
    Key("settings.copy", "y", "copy its name and value", "copy", "settings"),
)  # fmt: skip

WELCOME = (
    Key("welcome.make", "enter", "the first picture; then a prompt of your own", "make", "welcome", "make it"),
    *stars("welcome"),
    Key("welcome.undo", "z", "take the stars back", "undo", "welcome", "undo"),
    Key("welcome.new", "r", "a prompt of your own", "further('run')", "welcome"),
    Key("welcome.library", "p", "look at the packs", "further('library')", "welcome"),
    Key("welcome.nodes", "n", "another machine that draws", "further('nodes')", "welcome"),
    Key("welcome.settings", "comma", "settings", "further('settings')", "welcome"),
    Key("welcome.leave", "escape,q", "to the queue", "leave", "welcome", "back"),
)
