"""The keys of what lies over an area: questions, forms, pages, lists within them, fields, names as one types."""

from tui.picturekeys import Key, stars

KNOWN_TAGS = ("too noisy", "too smooth", "burnt", "ignores prompt", "bad hands", "nailed it")
"""What can be advised about (`daemon.learning`), one key each; anything else may be a tag as well."""

DIALOGS = (
    Key("dialog.yes", "y,enter", "yes", "answer(True)", "dialogs"),
    Key("dialog.no", "n", "no", "answer(False)", "dialogs"),
    Key("dialog.take", "ctrl+j,ctrl+s", "take it as it stands: save it, queue it, put it in", "take", "dialogs",
        first=True),
    Key("dialog.back", "escape", "back; where one types", "leave", "dialogs"),
    Key("dialog.leave", "escape,q", "back; where one types nothing", "leave", "dialogs"),
    Key("dialog.down", "j", "down in what is to choose from; the arrows too", "step(1)", "dialogs"),
    Key("dialog.up", "k", "up", "step(-1)", "dialogs"),
)  # fmt: skip

PAGES = (
    Key("page.down", "j,down", "down", "scroll(1)", "pages"),
    Key("page.up", "k,up", "up", "scroll(-1)", "pages"),
    Key("page.half_down", "ctrl+d,pagedown,space", "ten lines down", "scroll(10)", "pages"),
    Key("page.half_up", "ctrl+u,pageup", "ten lines up", "scroll(-10)", "pages"),
    Key("page.leave", "escape,q,e,enter", "back", "leave", "pages"),
    Key("page.leave_help", "escape,q,question_mark,f1,enter", "back from the keys", "leave", "pages"),
)

HELD = (
    Key("held.down", "j,down", "down", "step(1)", "held"),
    Key("held.up", "k,up", "up", "step(-1)", "held"),
    Key("held.half_down", "pagedown", "half a page down", "page(1)", "held"),
    Key("held.half_up", "pageup", "half a page up", "page(-1)", "held"),
    Key("held.top", "home", "to the top", "jump(0)", "held"),
    Key("held.bottom", "G,end", "to the bottom", "jump(-1)", "held"),
)

FIELDS = (
    Key("fields.ask", "enter,space", "choose; of a box, tick it or not", "ask", "fields"),
    Key("fields.clear", "delete,backspace", "as usual, or none", "clear", "fields"),
    Key("fields.next", "l,right", "next field", "step(1)", "fields"),
    Key("fields.before", "h,left", "the field before", "step(-1)", "fields"),
    Key("fields.below", "j,down", "the line below", "row(1)", "fields"),
    Key("fields.above", "k,up", "the line above", "row(-1)", "fields"),
    Key("fields.first", "home", "the first field", "step(-999)", "fields"),
    Key("fields.last", "end", "the last field", "step(999)", "fields"),
    Key("fields.more", "plus", "a step more, of a number", "nudge(1)", "fields"),
    Key("fields.less", "minus", "a step less", "nudge(-1)", "fields"),
)

CHOOSER = (
    Key("chooser.down", "down", "down", "step(1)", "chooser", first=True),
    Key("chooser.up", "up", "up", "step(-1)", "chooser", first=True),
    Key("chooser.half_down", "pagedown", "half a page down", "half(1)", "chooser", first=True),
    Key("chooser.half_up", "pageup", "half a page up", "half(-1)", "chooser", first=True),
    Key("chooser.typed", "ctrl+j,ctrl+s", "take what is typed", "as_typed", "chooser", first=True),
    Key("chooser.nothing", "ctrl+x", "none; the backend's own choice", "nothing", "chooser", first=True),
    Key("chooser.other", "tab,shift+tab", "the other list", "other", "chooser", first=True),
    Key("chooser.refresh", "ctrl+r", "let the nodes read their lists again", "refresh", "chooser", first=True),
)

SAVED = (
    Key("saved.edit", "ctrl+e", "edit its text", "edit", "saved", first=True),
    Key("saved.new", "ctrl+n", "save the form under a name", "save_new", "saved", first=True),
    Key("saved.rename", "ctrl+r", "give it another name", "rename", "saved", first=True),
    Key("saved.delete", "ctrl+d", "delete it; z brings it back", "delete", "saved", first=True),
)

FORMS = (
    Key("vary.leave", "escape,ctrl+o", "back to the run, with how it varies", "leave", "forms"),
    Key("vary.usual", "ctrl+g", "it varies as usual in everything", "usual", "forms", first=True),
    Key("experiment.name", "ctrl+f", "one more level of an experiment, of what the nodes have", "name", "forms",
        first=True),
    Key("write.fault", "ctrl+g", "to the fault of a text", "to_fault", "forms", first=True),
    Key("offers.take", "enter", "fetch the model", "take", "forms"),
    Key("offers.words", "slash", "search for other words", "words", "forms"),
)  # fmt: skip

MARKS = (
    *stars("whole"),
    Key("whole.unrate", "0", "take the stars of a run back", "rate(0)", "whole"),
    *(Key(f"tags.known{n}", str(n), f"{tag}, or not", f"turn({n - 1})", "tags") for n, tag in enumerate(KNOWN_TAGS, 1)),
    Key("tags.own", "slash,tab", "write tags of your own", "own", "tags"),
    Key("tags.done", "enter,space", "give it these tags", "done", "tags"),
)

NAMES = (
    Key("names.take", "enter", "take the name; where none are offered, a new line", "take_marked", "names"),
    Key("names.next", "down", "next name; where none are offered, the line below", "step_name(1)", "names"),
    Key("names.before", "up", "the name before, or the line above", "step_name(-1)", "names"),
    Key("names.close", "escape", "none of them", "close_names", "names"),
    Key("filter.take", "tab", "take the word, in a filter", "take", "names"),
    Key("filter.next", "down", "next word, in a filter", "step(1)", "names"),
    Key("filter.before", "up", "the word before, in a filter", "step(-1)", "names"),
    Key("filter.give_up", "escape", "the filter that was before", "give_up", "names"),
)

OVER = (*DIALOGS, *CHOOSER, *SAVED, *FORMS, *FIELDS, *HELD, *PAGES, *MARKS, *NAMES)

OVER_TITLES = {
    "dialogs": "Questions and forms", "chooser": "A name of many", "saved": "What is saved", "forms": "Single forms",
    "fields": "Fields of a form", "held": "Lists within a form", "pages": "Pages to read",
    "whole": "Stars for a run", "tags": "Tags", "names": "Names that are offered while one types",
}  # fmt: skip
