"""`pack`, `pipeline` and `preset`: what lies in the library's folders, as the daemon reads it."""

from tui.cli import ask, output
from tui.cli.child import passing
from tui.cli.tree import JSON, Verb, argument
from tui.link.doc import Doc
from tui.link.query import quoted

NAME = argument("NAME", "As `list` shows it.")


def _list(noun: str, about: str) -> Verb:
    def run(as_json: bool) -> int:
        answer = ask.daemon().get(f"/v1/{noun}s")
        if as_json:
            output.put_json(answer.fields)
        else:
            output.put(_table(answer.docs("items")))
        return 0

    return Verb(run, about, (JSON,))


def _show(noun: str, about: str) -> Verb:
    def run(name: str, as_json: bool) -> int:
        answer = ask.daemon().get(f"/v1/{noun}s/{quoted(name)}")
        if as_json:
            output.put_json(answer.fields)
        else:
            output.put(output.clean_lines(answer.text("text")))
        return 0

    return Verb(run, about, (NAME, JSON))


def _table(items: tuple[Doc, ...]) -> str:
    """Whatever single values the items have, the name first."""
    names = list(dict.fromkeys(name for item in items for name in item.fields))
    shown = [name for name in names if not any(isinstance(item.fields.get(name), list | dict) for item in items)]
    return output.table([name.upper() for name in shown], [[item.text(name) for name in shown] for item in items])


PACK_VERBS = {
    "list": _list("pack", "The packs of the library."),
    "show": _show("pack", "A pack's text."),
    "check": passing(
        ("pack-check",),
        "Read packs and say what is wrong with them; no daemon is needed.",
        argument("PATH", "Pack files or folders.", often="+"),
        JSON,
    ),
}
PIPELINE_VERBS = {
    "list": _list("pipeline", "The pipelines of the library."),
    "show": _show("pipeline", "A pipeline's stages."),
}
PRESET_VERBS = {
    "list": _list("preset", "The presets of the library."),
    "show": _show("preset", "A preset's fields."),
}
