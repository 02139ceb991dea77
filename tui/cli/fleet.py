"""`fleet`: rehearses the scheduler on a trace, on last night's log under another fleet, and on what waits now."""

from schema.errors import Exit
from tui.cli import ask, output
from tui.cli.child import become, passing
from tui.cli.forecast import in_words
from tui.cli.tree import JSON, Verb, option, options


def plan(trace: str) -> int:
    """Becomes the child that plans; its lines and its exit code are ours."""
    return become("plan-trace", trace)


def forecast(run: str | None, as_json: bool) -> int:
    answer = ask.daemon().get("/v1/forecast", {"run": run})
    if as_json:
        output.put_json(answer.fields)
    else:
        output.put(in_words(answer) or "Nothing waits.")
    return Exit.DONE


VERBS = {
    "plan": Verb(
        plan,
        "Rehearse the scheduler on a trace: where and when each stage would run, and why.\n"
        "One JSON line per assignment, with its reason. Needs no daemon; docs/fleet.md tells what a trace is.",
        (option("--trace", "FILE", "The fleet and its jobs, as JSON; `-`: from standard input.", required=True),),
    ),
    "what-if": passing(
        ("what-if",),
        "Replay the log under another fleet, mode or policy, and say what would have changed.",
        options("--add-node", "SPEC", 'One machine more: "12GB speed 2".'),
        options("--remove-node", "NODE", "Without this one."),
        option("--mode", "MODE", "How lanes share the nodes.", choices=("share", "warm", "free")),
        option("--policy", "POLICY", "lots is what runs here; fifo takes jobs as they came.", choices=("lots", "fifo")),
        option("--since", "WHEN", "From this seq, ISO time or age on; default: the last 24 hours."),
        JSON,
    ),
    "forecast": Verb(
        forecast,
        "Whether what waits will be done in time, by when on each node, and what would help.",
        (option("--run", "RUN", "Only this run."), JSON),
    ),
}
