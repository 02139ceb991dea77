"""The keys of the Run area: those that work while one types, and those of one letter."""

from tui.picturekeys import Key

RUN = (
    Key(
        "run.queue",
        "ctrl+j,ctrl+s",
        "run it: all that is written here, as the plan tells it",
        "queue",
        "run",
        "run",
        first=True,
    ),
    Key(
        "run.editor",
        "ctrl+e",
        "prompt editor: places to vary, variants, what is sent",
        "editor",
        "run",
        "editor",
        first=True,
    ),
    Key("run.next_pane", "ctrl+pagedown,f12", "next pane, also while one types", "pane(1)", "run", "", first=True),
    Key("run.pane_before", "ctrl+pageup,f11", "pane before, also while one types", "pane(-1)", "run", first=True),
    Key("run.stop", "x", "stop the run that is shown; z brings its jobs back", "stop", "run", "stop"),
    Key("run.pause", "p", "pause or resume the queue", "pause", "run"),
    Key("run.mode", "M", "how live work and batches share the nodes", "mode", "run"),
    Key("run.work", "m", "from words, from a picture, or many packs at once", "work", "run", "mode"),
    Key("run.next", "right_square_bracket", "next pane", "pane(1)", "run", "pane", "[ ]"),
    Key("run.back", "left_square_bracket", "pane before", "pane(-1)", "run"),
    Key("run.write", "i", "write the prompt", "write", "run", "write"),
    Key("run.choose", "f", "to the fields above: pack, pipeline, node, count", "head", "run", "fields"),
    Key("run.payload", "ctrl+t", "what is sent for the variant, or the variant", "payload", "run", first=True),
    Key("run.reroll", "ctrl+r", "draw anew: the seed, and all that is not held", "reroll", "run", first=True),
    Key("run.vary", "ctrl+o", "how it varies: profile, styles, matrix, how many", "vary", "run", first=True),
    Key("run.saved", "ctrl+n", "presets and profiles: apply, save, rename, delete", "saved", "run", first=True),
    Key("run.lora", "ctrl+f", "a LoRA or an embedding into the prompt", "lora", "run", first=True),
    Key("run.outside", "f10,ctrl+x", "the prompt in $EDITOR", "outside", "run", first=True),
    Key("run.before", "ctrl+g", "the draft before: what was written here last", "before", "run", first=True),
    Key("run.anew", "N", "an empty draft; ^g brings this one back", "anew", "run"),
    Key("run.refresh", "R", "let the nodes read their lists again", "refresh", "run"),
    Key("run.leave", "escape", "out of the field, so that letters are keys", "leave", "run", "keys"),
)
