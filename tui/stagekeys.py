"""The keys of the cards of stages."""

from tui.picturekeys import Key

STAGES = (
    Key("stages.change", "enter,l,right", "change it here, or choose; of a stage, open its card", "change", "stages",
        "change"),
    Key("stages.turn", "space", "the stage or the field on or off", "turn", "stages", "on/off"),
    Key("stages.more", "plus,equals_sign", "a step more; of a choice the next", "nudge(1)", "stages", "a step", "+ -"),
    Key("stages.less", "minus", "a step less; of a choice the one before", "nudge(-1)", "stages"),
    Key("stages.back", "u,backspace", "what it was; of a stage, all of it", "back", "stages", "as it was"),
    Key("stages.undo", "z", "take back what was changed here last; then as everywhere", "undo", "stages"),
    Key("stages.learned", "asterisk", "take what its pack is rated best with", "learned", "stages"),
    Key("stages.fold", "h,left", "fold the card", "fold", "stages"),
    Key("stages.fold_all", "F", "fold all cards, or open those that are on", "fold_all", "stages"),
    Key("stages.half_down", "ctrl+d", "half a page down", "page(1)", "stages"),
    Key("stages.half_up", "ctrl+u", "half a page up", "page(-1)", "stages"),
    Key("stages.find", "slash", "find a field by its name or value", "find", "stages", "find"),
    Key("stages.clear", "escape", "show all again", "clear", "stages"),
    Key("stages.add", "a", "add a stage", "add", "stages", "add"),
    Key("stages.out", "d,delete", "take the stage out", "out", "stages"),
    Key("stages.down", "J", "the stage a place later", "shift(1)", "stages"),
    Key("stages.up", "K", "the stage a place earlier", "shift(-1)", "stages"),
    Key("stages.swap", "X", "width for height: upright or across", "swap", "stages"),
    Key("stages.save", "S", "save it all as a pipeline of its own name", "save", "stages", "save"),
    Key("stages.load", "o", "pipelines: load, save, rename, delete, edit", "load", "stages"),
)  # fmt: skip
