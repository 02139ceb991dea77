"""The keys of the Library area: of all its tabs, of texts, of packs, of models."""

from tui.picturekeys import Key, stars

LIBRARY = (
    Key("library.tab", "right_square_bracket", "next tab", "tab(1)", "library", "tab", "[ ]"),
    Key("library.tab_back", "left_square_bracket", "the tab before", "tab(-1)", "library"),
    Key("library.pictures", "p", "pictures that were made with it", "pictures", "library"),
    Key("library.details", "l,right", "to what is in it", "details", "library"),
    Key("library.list", "h,left", "back to the list", "list", "library"),
)

SHELF = (
    Key("shelf.use", "n", "new run with it, or with the marked ones", "use", "shelf", "run it"),
    Key("shelf.edit", "e", "edit it; its format, order and remarks stay", "edit", "shelf", "edit"),
    Key("shelf.editor", "E", "edit it in your own editor ($EDITOR)", "edit_outside", "shelf"),
    Key("shelf.new", "A", "write a new one", "add", "shelf", "add"),
    Key("shelf.copy", "c", "a copy under another name", "duplicate", "shelf", "copy"),
    Key("shelf.rename", "r", "give it another name", "rename", "shelf", "rename"),
    Key("shelf.delete", "d", "delete it, or the marked ones; z brings them back", "delete", "shelf", "delete"),
    Key("shelf.bring", "i", "bring in a file", "bring", "shelf"),
    Key("shelf.write", "w", "write it to a file", "write_out", "shelf"),
    Key("shelf.check", "R", "read all of them again, and say what is wrong where", "check", "shelf"),
)

PACKS = (Key("packs.try", "t", "this prompt in the editor: its places and variants", "try_out", "packs", "try"),)

MODELS = (
    Key("models.favourite", "asterisk,b", "favourite, or no more", "favourite", "models", "favourite"),
    *stars("models"),
    Key("models.unrate", "0", "take the stars back", "rate(0)", "models"),
    Key("models.tag", "t", "tags", "tag", "models", "tag"),
    Key("models.use", "n", "new run with it", "use", "models", "new run"),
    Key("models.search", "S", "search Civitai and Hugging Face, and download", "search", "models", "search"),
    Key("models.lack", "m", "only those of which something is missing", "lacking", "models", "missing"),
    Key("models.kind", "f", "only one kind: checkpoints, VAEs, upscalers; all", "kind", "models", "kind"),
    Key("models.scan", "R", "look through the folders now", "scan", "models"),
)

TABS_KEYS = {
    "packs": ("library", "packs", "shelf", "lists"), "shelf": ("library", "shelf", "lists"),
    "models": ("library", "models", "lists"),
}  # fmt: skip
"""Whose keys a tab has; the footer tells them in this order as far as there is room."""
