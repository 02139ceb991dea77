"""What a person makes of what was learned: the mode, what plans take over, what is not to be told again, lists."""

from schema.errors import Refused
from schema.spoken import named
from tui.cli import ask, learnwords, output
from tui.cli.tree import AS_OF, JSON, KEY, Verb, argument, flag
from tui.link.doc import Doc

MODES = {
    "off": "Runs are not learned from unless they say so; ratings are kept all the same.",
    "passive": "Whatever is rated is learned from.",
    "active": "Whatever is rated is learned from, and pictures of new runs are asked about first.",
}


def mode(word: str | None, key: str | None, as_json: bool) -> int:
    if word is not None and word not in MODES:
        raise Refused(
            f"'{output.clean(word)}' is none of off, passive, active", where="stablenew learn mode",
            remedy="Without a word it shows the mode.",
        )  # fmt: skip
    if word is not None:
        return ask.command("/v1/learn/mode", {"mode": word}, key, as_json, f"{word}: {MODES[word]}")
    answer = ask.daemon().get("/v1/learn")
    if as_json:
        output.put_json(answer.fields)
        return 0
    now = answer.text("mode")
    output.put(f"{now}: {MODES.get(now, '')}")
    ratings, waiting = output.plural(answer.whole("ratings"), "rating"), output.plural(answer.whole("inbox"), "picture")
    output.put(f"{ratings} so far; {waiting} waiting for a verdict.")
    return 0


def apply(
    name: str | None,
    cautious: bool,
    weights: bool,
    randomizer: bool,
    nothing: bool,
    key: str | None,
    as_json: bool,
) -> int:
    """`name`: a pack or a suggestion; without one the only pack that has an offer."""
    daemon = ask.daemon()
    flags = (("cautious", cautious), ("weights", weights), ("randomizer", randomizer), ("nothing", nothing))
    take = [word for word, on in flags if on]
    if nothing and len(take) > 1:
        raise Refused("--nothing lets all of it go", where="--nothing", remedy="Give it alone.")
    known = daemon.get("/v1/learn")
    suggested = {one.text("id"): one for one in known.docs("suggestions")}
    name = name if name is not None else _only_offer()
    if name in suggested and not take:
        answer = daemon.post("/v1/learn/adopt", {"suggestion": name}, key)
        pack = suggested[name].text("pack")
    else:
        answer = daemon.post("/v1/learn/adopt", {"pack": name, "take": take or ["preset"]}, key)
        pack = name
    if as_json:
        output.put_json(answer.fields)
        return 0
    if answer.flag("repeated") or not answer.whole("seq"):
        return ask.told(answer, False, "{n}")
    adopted = daemon.get("/v1/learn").doc("adopted").doc(pack)
    told = adopted_words(adopted)
    output.put(f"Plans of {output.clean(pack)} take over: {told}." if told else f"Plans of {output.clean(pack)} are as "
               "they were written.")  # fmt: skip
    output.tell("Nobody's file is changed; `stablenew undo` takes it back.")
    return 0


def _only_offer() -> str:
    packs = ask.daemon().get("/v1/learn/insights").docs("packs")
    offers = sorted({one.text("pack") for one in packs if one.doc("preset").flag("offered")})
    if len(offers) == 1:
        return offers[0]
    if not offers:
        raise Refused("no preset is sure enough to be offered", where="stablenew learn apply",
                      remedy="`stablenew learn recommend PACK` tells how sure one is.")  # fmt: skip
    raise Refused(f"there is one for {', '.join(map(output.clean, offers))}", where="stablenew learn apply",
                  remedy="Name the pack.")  # fmt: skip


def adopted_words(adopted: Doc) -> str:
    """`steps 30, CFG 5.5; weights of sky; matrix random`."""
    settings = adopted.doc("settings")
    parts = [", ".join(f"{named(name)} {learnwords.word(settings, name)}" for name in sorted(settings.fields))]
    weights = adopted.doc("weights").fields
    parts.append(f"weights of {', '.join(sorted(weights))}" if weights else "")
    randomizer = adopted.doc("randomizer")
    parts.append(", ".join(f"{name} {learnwords.word(randomizer, name)}" for name in sorted(randomizer.fields)))
    return output.clean("; ".join(filter(None, parts)))


def dismiss(claim: str, again: bool, drop: bool, key: str | None, as_json: bool) -> int:
    if drop:
        return ask.command("/v1/learn/drop", {"id": claim}, key, as_json, "The suggestion is gone.")
    done = (
        "It is told again where it holds." if again else "It is not told again; `learn dismiss --again` brings it back."
    )
    return ask.command("/v1/learn/dismiss", {"key": claim, "again": again}, key, as_json, done)


def list_(as_json: bool, as_of: str | None = None) -> int:
    daemon = ask.daemon(as_of)
    answer, runs = daemon.get("/v1/learn"), daemon.get("/v1/learn/runs")
    if as_json:
        output.put_json({**answer.fields, "experiments": runs.fields.get("items", [])})
        return 0
    rows = [
        (one.text("run"), one.text("state"), f"{one.whole('rated')}/{one.whole('made')}", ", ".join(one.texts("packs")),
         one.doc("plan").text("question") or one.text("name"))
        for one in runs.docs("items")
    ]  # fmt: skip
    output.put(output.table(("RUN", "STATE", "RATED", "PACK", "QUESTION"), rows) if rows else "No experiments yet.")
    for pack, fields in sorted(answer.doc("adopted").fields.items()):
        words = adopted_words(Doc(fields if isinstance(fields, dict) else {}))
        output.put(f"Taken over for {output.clean(pack)}: {words}")
    for claim in answer.docs("shown"):
        dismissed = " (dismissed)" if claim.flag("dismissed") else ""
        output.put(f"Told {output.moment(claim.text('at'))}{dismissed}: {output.clean(claim.text('text'))}")
    for one in answer.docs("suggestions"):
        output.put(f"Suggestion {one.text('id')} for {output.clean(one.text('pack'))}: {output.clean(one.text('why'))}")
    for source, records in sorted(answer.doc("imported").fields.items()):
        output.put(f"Records from {output.clean(source)}: {records}")
    return 0


def show(name: str, as_json: bool) -> int:
    """A learning run, an explore run, or a suggestion."""
    daemon = ask.daemon()
    for one in daemon.get("/v1/learn/suggestions").docs("items"):
        if one.doc("suggestion").text("id") == name:
            return _put_suggestion(one, as_json)
    answer = daemon.get(f"/v1/learn/runs/{learn_run(name)}")
    if as_json:
        output.put_json(answer.fields)
        return 0
    row = answer.doc("row")
    output.put(output.clean(answer.text("text")))
    output.put(f"{row.whole('made')} of {row.whole('images')} made, {row.whole('rated')} rated; {row.text('state')}.")
    for knob in answer.docs("knobs"):
        rows = [
            (level.text("label"), f"{level.real('mean') or 0:.2f}", f"{level.real('low') or 0:.2f}",
             f"{level.real('high') or 0:.2f}", str(level.whole("n")), learnwords.share(level.real("best")))
            for level in knob.docs("levels")
        ]  # fmt: skip
        heads = (named(knob.text("param")), "STARS", "FROM", "TO", "N", "BEST")
        output.put(output.table(heads, rows, right="STARS FROM TO N BEST"))
    return 0


def learn_run(name: str) -> str:
    from tui.link.query import named

    return named(name, "the run")


def _put_suggestion(shown: Doc, as_json: bool) -> int:
    if as_json:
        output.put_json(shown.fields)
        return 0
    one = shown.doc("suggestion")
    output.put(f"For {output.clean(one.text('pack'))}, by {output.clean(one.text('source') or 'somebody')}: "
               f"{output.clean(one.text('why'))}")  # fmt: skip
    rows = [
        (named(change.text("param")), change.text("was") or "-", change.text("now")) for change in shown.docs("changes")
    ]
    output.put(output.table(("SETTING", "NOW", "SUGGESTED"), rows) if rows else "It changes nothing.")
    output.tell(f"`stablenew learn apply {one.text('id')}` takes it over.")
    return 0


VERBS = {
    "mode": Verb(
        mode,
        "How runs learn that do not say otherwise; without a word it shows the mode.\n"
        "off: nothing is learned of them. passive: what is rated. active: and the program asks for ratings.",
        (argument("off|passive|active", "The mode from now on.", dest="word", often="?"), KEY, JSON),
    ),
    "apply": Verb(
        apply,
        "Have plans of a pack take over what was learned, or a suggestion. No file is changed; `undo` takes it back.\n"
        "It stands above the pack's own settings and below --preset and --set; previews say `learned for PACK`.",
        (
            argument("PACK|SUGGESTION", "Default: the only pack with an offer.", dest="name", often="?"),
            flag("--cautious", "Only the settings that are sure by themselves."),
            flag("--weights", "How often each value of the pack's wildcards is drawn."),
            flag("--randomizer", "How variants are made, where a run does not say."),
            flag("--nothing", "Let go of all that was taken over before."),
            KEY,
            JSON,
        ),
    ),
    "dismiss": Verb(
        dismiss,
        "Do not tell a claim again. `learn insights --numbers` shows its name.",
        (
            argument("CLAIM", "Its name, or a unique beginning; with --drop a suggestion's.", dest="claim"),
            flag("--again", "Tell it after all."),
            flag("--drop", "Drop a suggestion instead."),
            KEY,
            JSON,
        ),
    ),
    "list": Verb(
        list_, "Experiments, what plans took over, what was told, suggestions, imported records.", (AS_OF, JSON)
    ),
    "show": Verb(
        show,
        "A learning run with its result, or a suggestion with what it would change.",
        (argument("RUN|SUGGESTION", "A run's id or a unique beginning, or a suggestion's id.", dest="name"), JSON),
    ),
}
