"""`pack`, `pipeline` and `preset`: what lies in the library's folders, as the daemon reads it."""

from tui.cli import ask, output
from tui.cli.child import passing
from tui.cli.tree import JSON, Verb, argument
from tui.link.query import quoted

NAME = argument("NAME", "As `list` shows it.")


def _list(noun: str, about: str) -> Verb:
    def run(as_json: bool) -> int:
        answer = ask.daemon().get(f"/v1/{noun}s")
        if as_json:
            output.put_json(answer.fields)
        else:
            for name in answer.texts("items"):
                output.put(output.clean(name))
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
