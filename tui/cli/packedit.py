"""`pack edit`: one prompt of a pack, without changing anything else of its file; or the whole file in an editor."""

import json
from collections.abc import Sequence

from schema.errors import Refused
from tui.cli.child import become
from tui.cli.tree import JSON, Verb, argument, flag, option, options


def _edit(
    name: str, prompt: int | None, add: bool, text: str | None, negative: str | None, weight: float | None,
    backend: str | None, sets: Sequence[str], to: int | None, remove: bool, as_json: bool,
) -> int:  # fmt: skip
    asked = {
        "text": text, "negative": negative, "weight": weight, "backend": backend, "to": to, "remove": remove or None,
        "overrides": {key: value or None for key, _, value in (one.partition("=") for one in sets)} or None,
    }  # fmt: skip
    change = {key: value for key, value in asked.items() if value is not None}
    last = ["--json"] * as_json
    if prompt is None and not add:
        if change:
            raise Refused("which prompt?", where="--prompt", remedy="Give its number, or --add.")
        return become("library", "edit", "pack", name, *last)
    number = prompt if prompt is not None and not add else 0
    if prompt is not None and prompt < 1:
        raise Refused(f"there is no prompt {prompt}.", where="--prompt", remedy="The first is 1.")
    return become("library", "edit", "pack", name, json.dumps({"number": number, **change}), *last)


EDIT = Verb(
    _edit,
    "Change one prompt of a pack, or the whole pack in your editor ($EDITOR).\n"
    "The file keeps its dialect, its comments, its order and its line ends. No daemon is needed.",
    (
        argument("NAME", "As `list` shows it."),
        option("--prompt", "N", "The prompt's number, from 1.", kind=int),
        flag("--add", "A new prompt behind the last; --text says it."),
        option("--text", "TEXT", "What is to be painted."),
        option("--negative", "TEXT", "What should not be there; empty takes it away."),
        option("--weight", "N", "How much it is preferred with --order weighted.", kind=float),
        option("--backend", "NAME", "Who is to make it; empty: whoever can."),
        options("--set", "STAGE.FIELD=VALUE", "A setting for this prompt alone; no value takes it away.", dest="sets"),
        option("--to", "N", "Its new place among the others.", kind=int),
        flag("--remove", "Take the prompt out."),
        JSON,
    ),
)
