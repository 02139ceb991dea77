"""`learn`: what the verdicts on pictures teach."""

from collections.abc import Sequence

from schema.errors import Refused
from tui.cli import ask, learnwords, output
from tui.cli.child import become
from tui.cli.learnask import VERBS as ASK
from tui.cli.learnfiles import VERBS as FILES
from tui.cli.learnruns import VERBS as RUNS
from tui.cli.lessons import VERBS as LESSONS
from tui.cli.tree import AS_OF, JSON, PAGE, Verb, argument, flag, option
from tui.link.doc import Doc

WHY = flag("--why", "With the evidence of each claim.")
NUMBERS = flag("--numbers", "With confidence, intervals, the effects of every level, and the claims' names.")


def insights(
    pack: str | None,
    as_of: str | None,
    why: bool,
    numbers: bool,
    algorithm: int | None,
    diff: bool,
    records: str | None,
    as_json: bool,
) -> int:
    if records is not None:
        if as_of is not None or algorithm is not None or diff:
            raise Refused("a file has no history", where="--records", remedy="Leave --as-of, --algorithm, --diff out.")
        return become("learn-insights", records, *(("--pack", pack) if pack else ()), *(("--json",) if as_json else ()))
    if diff and algorithm is None:
        raise Refused("which algorithm is to be compared?", where="--diff", remedy="Name one: --algorithm 0.")
    query = {"pack": pack, "as_of": as_of, "algorithm": algorithm}
    answer = ask.daemon().get("/v1/learn/insights", query)
    if diff:
        now = ask.daemon().get("/v1/learn/insights", {**query, "algorithm": None, "as_of": answer.whole("seq")})
        return _put_difference(now, answer, algorithm or 0, as_json)
    if as_json:
        output.put_json(_flat(answer))
        return 0
    if (pack or as_of) and not answer.docs("packs"):
        when = "by then" if as_of else "yet"
        output.put(f"No picture{f' of {output.clean(pack)}' if pack else ''} had a rating {when}.")
        return 0
    output.put(learnwords.of_packs(answer.docs("packs"), why=why, numbers=numbers))
    if as_of is None and algorithm is None:
        tell(answer)
    return 0


def _flat(answer: Doc) -> dict[str, object]:
    """With claims and presets as `--records` gives them: of a pack with sketches and real pictures one preset."""
    packs = answer.docs("packs")
    claims = [claim.fields for pack in packs for claim in pack.docs("claims")]
    presets = {
        pack.text("pack"): pack.doc("preset").fields
        for pack in sorted(packs, key=lambda pack: pack.whole("ratings"))  # that with most ratings stays
        if "preset" in pack
    }
    return {**answer.fields, "claims": claims, "presets": [preset for _, preset in sorted(presets.items())]}


def _put_difference(now: Doc, other: Doc, number: int, as_json: bool) -> int:
    if as_json:
        claims = {name: _flat(one)["claims"] for name, one in (("now", now), ("other", other))}
        output.put_json({"seq": now.whole("seq"), "algorithm": now.whole("algorithm"), "against": number, **claims})
        return 0
    output.put(learnwords.difference(now, other, number))
    return 0


def tell(answer: Doc) -> None:
    """A person has seen these: what is said now is what can be taken back later."""
    of = {"algorithm": answer.whole("algorithm"), "upto": answer.whole("seq")}
    claims: list[dict[str, object]] = []
    withdrawn: list[dict[str, object]] = []
    for pack in answer.docs("packs"):
        for claim in pack.docs("claims"):
            known = {
                name: claim.fields[name] for name in ("key", "pack", "param", "better", "worse", "confidence", "text")
            }
            claims.append({**known, **of, "ratings": pack.whole("ratings")})
        withdrawn += [gone.fields for gone in pack.docs("withdrawn")]
    if claims or withdrawn:
        ask.daemon().post("/v1/learn/told", {"claims": claims, "withdrawn": withdrawn, "upto": of["upto"]})


def recommend(pack: str, numbers: bool, as_json: bool, as_of: str | None = None) -> int:
    answer = ask.daemon(as_of).get("/v1/learn/insights", {"pack": pack})
    packs = answer.docs("packs")
    if not packs:
        raise Refused(
            f"no picture of {output.clean(pack)} was rated yet", where="stablenew learn recommend",
            remedy="Rate some: `stablenew learn inbox`.",
        )  # fmt: skip
    if as_json:
        presets = [{"backend": one.text("backend"), **one.doc("preset").fields} for one in packs if "preset" in one]
        output.put_json({"seq": answer.whole("seq"), "presets": presets})
        return 0
    adopted = ask.daemon(as_of).get("/v1/learn").doc("adopted").doc(pack).doc("settings").fields
    for one in packs:
        output.put(f"{learnwords.called(one)}: {one.text('text')}")
        if "preset" in one:
            output.put(learnwords.preset(one.doc("preset"), numbers=numbers))
            if learnwords.taken_over(one.doc("preset"), adopted):
                output.put("New runs take all of this over already; `stablenew learn list` shows it.")
            elif as_of is None and one.doc("preset").flag("offered"):
                output.put(f"`stablenew learn apply {output.clean(pack)}` takes it over; `undo` takes it back.")
    return 0


def report(numbers: bool, as_json: bool, as_of: str | None = None) -> int:
    answer = ask.daemon(as_of).get("/v1/learn/report")
    if as_json:
        output.put_json(answer.fields)
        return 0
    output.put(learnwords.report(answer, numbers=numbers))
    return 0


def styles(why: bool, numbers: bool, as_json: bool, as_of: str | None = None) -> int:
    answer = ask.daemon(as_of).get("/v1/learn/profiles")
    if as_json:
        output.put_json(answer.fields)
        return 0
    output.put(learnwords.of_packs(answer.docs("packs"), why=why, numbers=numbers))
    return 0


def track(as_json: bool, as_of: str | None = None) -> int:
    answer = ask.daemon(as_of).get("/v1/learn/track")
    if as_json:
        output.put_json(answer.fields)
        return 0
    output.put(answer.text("text"))
    tends = answer.whole("tends")
    if tends:
        output.put(f"Of {output.plural(tends, 'weaker claim')}, {answer.whole('tends_standing')} still stand.")
    return 0


def inbox(pack: str | None, run: str | None, limit: int, offset: int, as_json: bool) -> int:
    page = ask.daemon().get("/v1/learn/inbox", {"pack": pack, "run": run, "limit": limit, "offset": offset})
    if as_json:
        output.put_json(page.fields)
        return 0
    items: Sequence[Doc] = page.docs("items")
    rows = [(one.text("id"), one.text("run"), output.moment(one.text("created")), one.text("path")) for one in items]
    output.put(output.table(("IMAGE", "RUN", "CREATED", "FILE"), rows) if rows else "Nothing waits for a verdict.")
    if rows:
        output.tell("`stablenew image rate IMAGE STARS` rates one; how each was made is told afterwards.")
    ask.more(page)
    return 0


def favourites(runs: int | None, by: str, as_json: bool, as_of: str | None = None) -> int:
    answer = ask.daemon(as_of).get("/v1/learn/favourites", {"runs": runs, "by": by})
    if as_json:
        output.put_json(answer.fields)
        return 0
    rows = [
        (
            one.text("list"),
            one.text("name"),
            str(one.whole("uses")),
            f"{stars:.2f}" if (stars := one.real("stars")) else "",
        )
        for one in answer.docs("items")
    ]
    if not rows:
        output.put("Nothing was made yet, so nothing stands out.")
        return 0
    output.put(output.table(("LIST", "NAME", "PICTURES", "STARS"), rows, right="PICTURES STARS"))
    output.tell(f"Of the last {output.plural(answer.whole('runs'), 'run')}, best first by {answer.text('by')}.")
    return 0


VERBS = {
    "insights": Verb(
        insights,
        "What rates higher and what to change, in words, with the evidence.\n"
        "What was claimed before and no longer holds is taken back here, out loud.",
        (
            option("--pack", "PACK", "Of this pack alone."),
            option("--as-of", "WHEN", "What it would have said then: a seq, an ISO time or an age."),
            WHY,
            NUMBERS,
            option(
                "--algorithm", "N", "As this version reads the same verdicts; 0 lets every setting matter.", kind=int
            ),
            flag("--diff", "Only what that version says otherwise."),
            option("--records", "FILE", "Of a file of records, JSON lines; needs no daemon. `-`: standard input."),
            JSON,
        ),
    ),
    "recommend": Verb(
        recommend,
        "The preset that a pack would be better with, what it changes and in which order that matters.",
        (argument("PACK", "A pack whose pictures were rated."), NUMBERS, AS_OF, JSON),
    ),
    **LESSONS,
    **RUNS,
    **FILES,
    **ASK,
    "report": Verb(
        report,
        "Which styles, LoRAs, values and settings of the randomizer do well; the unproven apart.",
        (NUMBERS, AS_OF, JSON),
    ),
    "styles": Verb(styles, "What works with each style, over all packs.", (WHY, NUMBERS, AS_OF, JSON)),
    "inbox": Verb(
        inbox,
        "Final pictures without a verdict, in an order that tells nothing of how they were made.",
        (option("--pack", "PACK", "Of this pack."), option("--run", "RUN", "Of this run."), *PAGE, JSON),
    ),
    "favourites": Verb(
        favourites,
        "What the last runs used most, or what their best pictures were made with.",
        (
            option("--runs", "N", "Of the newest N runs; default 50.", kind=int),
            option("--by", "ORDER", "rating (default) or uses.", default="rating", choices=("rating", "uses")),
            AS_OF,
            JSON,
        ),
    ),
    "track": Verb(track, "How the program's own claims have fared.", (AS_OF, JSON)),
}
