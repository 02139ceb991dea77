"""`learn`: what the verdicts on pictures teach."""

from schema.errors import Refused
from tui.cli.child import become
from tui.cli.learnruns import VERBS as RUNS
from tui.cli.tree import JSON, Verb, option


def insights(pack: str | None, records: str | None, as_json: bool) -> int:
    if records is None:
        raise Refused("this needs a file of records", where="--records", remedy="Name one: `--records FILE`.")
    return become("learn-insights", records, *(("--pack", pack) if pack else ()), *(("--json",) if as_json else ()))


VERBS = {
    **RUNS,
    "insights": Verb(
        insights,
        "What rates higher and what to change, in words, with the evidence.",
        (
            option("--pack", "PACK", "Of this pack alone."),
            option("--records", "FILE", "Of a file of records, JSON lines; needs no daemon. `-`: standard input."),
            JSON,
        ),
    ),
}
