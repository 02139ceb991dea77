"""The keys of the disk's screen."""

from tui.picturekeys import Key

DISK = (
    Key("disk.down", "j,down", "next run", "move(1)", "disk"),
    Key("disk.up", "k,up", "run before", "move(-1)", "disk"),
    Key("disk.half_down", "ctrl+d,pagedown", "half a page down", "move(10)", "disk"),
    Key("disk.half_up", "ctrl+u,pageup", "half a page up", "move(-10)", "disk"),
    Key("disk.open", "enter", "the run's pictures in the gallery", "open", "disk", "pictures"),
    Key("disk.stages", "s", "delete the run's pictures of earlier stages for good (asks)", "stages", "disk", "stages"),
    Key("disk.run", "D", "delete the run's pictures for good, but for rated ones (asks)", "run", "disk", "delete"),
    Key("disk.all", "S", "delete pictures of earlier stages of all runs for good (asks)", "all_stages", "disk",
        "all stages"),
    Key("disk.empty", "e", "delete for good what is in the trash, but for rated ones (asks)", "empty", "disk",
        "empty trash"),
    Key("disk.check", "c", "read every file and hold it against its name", "check", "disk", "check"),
    Key("disk.order", "o", "order of the runs", "order", "disk"),
    Key("disk.reread", "R", "measure again", "reread", "disk"),
    Key("disk.redraw", "ctrl+l", "draw everything again", "app.redraw", "disk"),
    Key("disk.help", "question_mark,f1", "these keys", "app.keys_help", "disk", "help"),
    Key("disk.leave", "escape,q", "back", "leave", "disk", "back"),
)  # fmt: skip
