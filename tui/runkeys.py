"""The keys of the Run area: those that work while one types, and those of one letter."""

from tui.picturekeys import Key

TYPING = (
    Key(
        "run.queue",
        "ctrl+j,ctrl+s",
        "run it: all that is written here, as the plan tells it",
        "queue",
        "run",
        "run",
        first=True,
    ),
    Key("run.leave", "escape", "out of the field, so that letters are keys", "leave", "run", "keys"),
    Key(
        "run.next_pane",
        "ctrl+pagedown,f12",
        "next pane, also while one types",
        "pane(1)",
        "run",
        "pane",
        "^pgdn",
        first=True,
    ),
    Key("run.pane_before", "ctrl+pageup,f11", "pane before, also while one types", "pane(-1)", "run", first=True),
    Key(
        "run.editor",
        "ctrl+e",
        "prompt editor: places to vary, variants, what is sent",
        "editor",
        "run",
        "editor",
        first=True,
    ),
    Key("run.reroll", "ctrl+r", "draw anew: the seed, and all that is not held", "reroll", "run", "anew", first=True),
    Key("run.vary", "ctrl+o", "how it varies: profile, styles, matrix, how many", "vary", "run", "vary", first=True),
    Key("run.payload", "ctrl+t", "what is sent for the variant, or the variant", "payload", "run", "sent", first=True),
    Key(
        "run.saved",
        "ctrl+n",
        "presets and profiles: apply, save, rename, delete",
        "saved",
        "run",
        "presets",
        first=True,
    ),
    Key("run.lora", "ctrl+f", "a LoRA or an embedding into the prompt", "lora", "run", "LoRA", first=True),
    Key("run.outside", "f10,ctrl+x", "the prompt in $EDITOR", "outside", "run", "$EDITOR", first=True),
    Key("run.before", "ctrl+g", "the draft before: what was written here last", "before", "run", "before", first=True),
)
"""Also while one types."""

LETTERS = (
    Key("run.write", "i", "write the prompt", "write", "run", "write"),
    Key("run.stop", "x", "stop the run that is shown; z brings its jobs back", "stop", "run", "stop"),
    Key("run.work", "m", "from words, from a picture, or many packs at once", "work", "run", "kind"),
    Key("run.choose", "f", "to the fields above: pack, pipeline, node, count", "head", "run", "fields"),
    Key("run.next", "right_square_bracket", "next pane", "pane(1)", "run", "pane", "[ ]"),
    Key("run.back", "left_square_bracket", "pane before", "pane(-1)", "run"),
    Key("run.pause", "p", "pause or resume the queue", "pause", "run"),
    Key("run.mode", "M", "how live work and batches share the nodes", "mode", "run"),
    Key("run.anew", "N", "an empty draft; ^g brings this one back", "anew", "run", "empty"),
    Key("run.jobs", "J", "the jobs of the run that is shown, in the queue", "jobs", "run"),
    Key("run.logs", "L", "what the log says of that run", "logs", "run"),
    Key("run.refresh", "R", "let the nodes read their lists again", "refresh", "run"),
)

RUN = (*TYPING, *LETTERS)
