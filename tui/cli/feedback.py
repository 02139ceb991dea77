"""`wildcard effects`, `wildcard feedback`, `image looks`: what pictures that were looked at tell of their prompts."""

from schema.errors import Refused
from tui.cli import ask, output
from tui.cli.tree import JSON, KEY, PAGE, Verb, argument, option
from tui.link.doc import Doc
from tui.link.query import named

KINDS = ("wildcard", "slot", "choice", "lora", "style")
BARS = "▁▂▃▄▅▆▇█"


def effects(name: str | None, kind: str | None, limit: int, offset: int, as_json: bool) -> int:
    query = {"name": name, "kind": kind, "limit": limit, "offset": offset}
    page = ask.daemon().get("/v1/effects", query)
    if as_json:
        output.put_json(page.fields)
        return 0
    if not page.docs("items"):
        output.tell("No look says anything of that yet: put an `interrogate` or `score` stage into a pipeline.")
    heads = ("KIND", "NAME", "VALUE", "N", "MEAN", "LIKELY", "BETWEEN", "BY", "WEIGHT", "OVER TIME")
    output.put(output.table(heads, [_effect(item) for item in page.docs("items")], right="N MEAN LIKELY WEIGHT"))
    ask.more(page)
    return 0


def _effect(item: Doc) -> tuple[str, ...]:
    factor = item.real("factor") or 1.0
    return (
        item.text("kind"), item.text("name")[:40], item.text("value")[:40], str(item.whole("n")),
        f"{item.real('mean') or 0:.2f}", f"{item.real('likely') or 0:.2f}",
        f"{item.real('low') or 0:.2f}..{item.real('high') or 0:.2f}", item.text("by"),
        "" if factor == 1.0 else f"x{factor:g}",
        "".join(BARS[min(7, int((span.real("mean") or 0) * 8))] for span in item.docs("over")),
    )  # fmt: skip


def feedback(word: str | None, names: list[str], key: str | None, as_json: bool) -> int:
    word = word or "show"
    if word != "reset" and names:
        raise Refused("takes no names", where=f"wildcard feedback {output.clean(word)}", remedy="`reset` does.")
    match word:
        case "show":
            return _show(as_json)
        case "on":
            done = "Plans lean to what looks at pictures tell, from now on."
            return ask.command("/v1/feedback/switch", {"on": True}, key, as_json, done)
        case "off":
            done = "Plans are as they are written; what was found is kept until a reset."
            return ask.command("/v1/feedback/switch", {"on": False}, key, as_json, done)
        case "reset":
            done = "All weights of that are as they are written; only looks from now on count. `undo` brings them back."
            return ask.command("/v1/feedback/reset", ask.body(names=names), key, as_json, done)
        case _:
            raise Refused(
                f"'{output.clean(word)}' is none of on, off, reset, show", where="stablenew wildcard feedback",
                remedy="Without a word it shows what there is.",
            )  # fmt: skip


def _show(as_json: bool) -> int:
    answer = ask.daemon().get("/v1/feedback")
    if as_json:
        output.put_json(answer.fields)
        return 0
    state = "on: plans lean to this" if answer.flag("on") else "off: plans are as they are written"
    output.put(f"Feedback is {state}. {output.plural(answer.whole('looks'), 'picture')} looked at.")
    rows = [
        (item.text("kind"), item.text("name"), item.text("value"), f"x{item.real('weight') or 1:g}")
        for item in answer.docs("weights")
    ]
    if rows:
        output.put(output.table(("OF", "NAME", "VALUE OR GOAL", "WEIGHT"), rows, right="WEIGHT"))
    return 0


def looks(image: str, as_json: bool) -> int:
    page = ask.daemon().get(f"/v1/images/{named(image, 'the picture')}/looks")
    if as_json:
        output.put_json(page.fields)
        return 0
    for look in page.docs("items"):
        output.put(
            output.pairs(
                {
                    "stage": f"{look.text('stage')} ({look.text('looker')})"
                    if look.text("looker")
                    else look.text("stage"),
                    "caption": look.text("caption"),
                    "score": _share(look, "score"),
                    "fulfilment": _share(look, "fulfilment"),
                    "style": _share(look, "style"),
                    "seen": ", ".join(look.texts("seen")),
                    "missed": ", ".join(look.texts("missed")),
                    "unwanted": ", ".join(look.texts("unwanted")),
                }
            )
        )
    if not page.docs("items"):
        output.tell("Nobody has looked at it: put an `interrogate` or `score` stage into the pipeline.")
    return 0


def _share(look: Doc, name: str) -> str:
    value = look.real(name)
    return "" if value is None else f"{value:.2f}"


WILDCARD_VERBS = {
    "effects": Verb(
        effects,
        "How well values, LoRAs and styles came out in pictures that were looked at.\n"
        "MEAN is what was counted, from 0 to 1; LIKELY is drawn to the others' mean where looks are few.",
        (
            argument("WILDCARD", "Of this wildcard, slot, LoRA or style; default: all.", dest="name", often="?"),
            option("--kind", "KIND", "wildcard, slot, choice, lora or style.", choices=KINDS),
            *PAGE,
            JSON,
        ),
    ),
    "feedback": Verb(
        feedback,
        "Whether plans lean to what looks at pictures tell: wildcards' weights, and goals that were missed.\n"
        "on, off, show (default), or reset with the names of wildcards or packs.",
        (
            argument("on|off|show|reset", "What to do.", dest="word", often="?"),
            argument("NAME", "To reset; default: all.", dest="names", often="*"),
            KEY,
            JSON,
        ),
    ),
}
LOOKS = Verb(
    looks,
    "What was seen in a picture, held against what its prompt asked for.",
    (argument("ID", "An image's id or a unique prefix of it.", dest="image"), JSON),
)
