"""`hook`: who is told of what happens, and whether they hear it. Hooks are written into the settings."""

from urllib.parse import quote

from schema.errors import Exit
from tui.cli import ask, output
from tui.cli.tree import JSON, Verb, argument
from tui.link.doc import Doc


def list_hooks(as_json: bool) -> int:
    answer = ask.daemon().get("/v1/hooks")
    if as_json:
        output.put_json(answer.fields)
    elif items := answer.docs("items"):
        output.put(output.table(("HOOK", "ON", "TO", "STATE", "LAST"), [_row(hook) for hook in items]))
    else:
        output.tell("There are none. A hook is a table [hooks.NAME] in the settings file: see `docs/hooks.md`.")
    return Exit.DONE


def _row(hook: Doc) -> tuple[str, ...]:
    waiting = f" ({hook.whole('waiting')})" if hook.whole("waiting") else ""
    last = f"{hook.text('told')}, {output.moment(hook.text('at'))}" if hook.text("told") else ""
    on = ", ".join(hook.texts("on"))
    return hook.text("name"), on, hook.text("to"), f"{hook.text('state')}{waiting}", last


def test(name: str, as_json: bool) -> int:
    """Ends with 1 when it did not hear it."""
    tried = ask.daemon().post(f"/v1/hooks/{quote(name, safe='')}/test")
    if as_json:
        output.put_json(tried.fields)
    else:
        output.tell(f"{output.clean(name)}: {output.clean(tried.text('told'))}, {tried.real('seconds'):.2f} s")
    return Exit.DONE if tried.flag("well") else Exit.FAILED


VERBS = {
    "list": Verb(list_hooks, "Every hook of the settings, and how it fares.", (JSON,)),
    "test": Verb(
        test,
        "Tell a hook, once, of something that did not happen.\nEnds with 1 when it did not take it.",
        (argument("NAME", "As in [hooks.NAME]."), JSON),
    ),
}
