"""A forecast in words: whether a run will be done in time, by when on each node, and what would help."""

from schema.errors import NoDaemon, Refused
from tui.cli import output
from tui.link.doc import Doc


def tell_of(run: str) -> None:
    """Says on stderr what is foretold of a run that was just taken; nothing where nobody can say."""
    from tui.cli import ask

    try:
        answer = ask.daemon().get("/v1/forecast", {"run": run})
    except (Refused, NoDaemon):
        return  # the run is taken, whatever can be said of it
    if words := in_words(answer):
        output.tell(words)


def in_words(forecast: Doc) -> str:
    """A paragraph per run, then what is not known. Empty: nothing waits."""
    parts = [of_run(run) for run in forecast.docs("runs")]
    parts += [f"Note: {output.clean(note)}" for note in forecast.texts("notes")]
    return "\n".join(parts)


def of_run(run: Doc) -> str:
    name = output.clean(run.text("name") or run.text("run"))
    head = f"{name} ({output.clean(run.text('run'))}): {output.plural(run.whole('jobs'), 'job')}"
    lines = [f"{head}. {output.clean(run.text('text'))}" if run.text("text") else f"{head}, {_end(run)}"]
    rows = [node for node in run.docs("nodes") if node.whole("stages")]
    width = max((len(output.clean(node.text("name"))) for node in rows), default=0)
    lines += [
        f"  {output.clean(node.text('name')):<{width}}  {output.plural(node.whole('stages'), 'stage')}"
        f"{', through by ' + output.moment(node.text('at')) if node.text('at') else ''}"
        for node in rows
    ]
    return "\n".join([*lines, *(f"  would help: {output.clean(one)}" for one in run.texts("helps"))])


def _end(run: Doc) -> str:
    """`done by 04:51 (04:20 to 05:32), in time for 07:00`"""
    if "at" not in run:
        return "nobody can say when it is done"
    words = f"done by {output.moment(run.text('at'))}"
    if "soonest" in run and "latest" in run:
        words += f" ({output.moment(run.text('soonest'))} to {output.moment(run.text('latest'))})"
    if "deadline" in run and run.fields.get("in_time") is not None:
        words += f", {'in time' if run.flag('in_time') else 'LATE'} for {output.moment(run.text('deadline'))}"
    return words
