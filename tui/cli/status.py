"""`status`: what runs, what waits, and on which nodes."""

from collections.abc import Mapping

from schema.errors import Refused
from tui.cli import ask, nodewords, output
from tui.cli.tree import AS_OF, JSON, Verb
from tui.link.doc import Doc


def status(as_json: bool, as_of: str | None = None) -> int:
    daemon = ask.daemon(as_of)
    answer = daemon.get("/v1/status")
    if as_json:
        output.put_json(answer.fields)
        return 0
    output.put(in_words(answer))
    if answer.text("state") == "read-only":
        return 0
    try:
        learned = learning_words(daemon.get("/v1/learn"))
    except Refused:  # of a daemon that is still starting, or an older one
        return 0
    if learned:
        output.put(f"\n{learned}")
    return 0


def learning_words(learn: Doc) -> str:
    """What waits for a person there; empty: nothing does."""
    waiting, news = learn.whole("inbox"), learn.whole("news")
    parts = []
    if waiting:
        asked = learn.whole("asked")
        wait = f"{output.plural(waiting, 'picture')} {'waits' if waiting == 1 else 'wait'} for a verdict"
        wait += f", {asked} of them asked for" if asked else ""
        parts.append(f"{wait}: `stablenew learn inbox`")
    if news:
        parts.append(f"{output.plural(news, 'insight')} {'is' if news == 1 else 'are'} new: `stablenew learn insights`")
    if "proposal" in learn:
        proposal = learn.doc("proposal")
        parts.append(f"next for {output.clean(proposal.text('pack'))}: {output.clean(proposal.text('why'))}")
        parts.append(f"  {output.clean(proposal.text('command'))}")
    return "\n".join(parts)


def in_words(scene: Doc) -> str:
    head = f"stablenew {scene.text('version')}, {output.state(scene.text('state'))}"
    if "moment" in scene and scene.doc("moment").text("asked"):
        head = moment_words(scene.doc("moment"))
    elif trouble := scene.text("trouble"):
        head += f": {output.clean(trouble)}"
        head += f"\nAll of this is {moment_words(scene.doc('moment'))}." if "moment" in scene else ""
    parts = [head, *(f"! {output.clean(concern)}" for concern in scene.texts("concerns"))]
    parts.append(queue_words(scene.doc("queue")))
    if runs := scene.docs("runs"):
        heads = ("RUN", "NAME", "JOBS", "DONE", "FAILED", "ETA", "DUE")
        rows = [_run_row(run) for run in runs]
        due = len(heads) if any(row[-1] for row in rows) else -1
        parts.append(output.table(heads[:due], [row[:due] for row in rows], right="JOBS DONE FAILED"))
    nodes = scene.docs("nodes")
    if running := scene.docs("running"):
        names = nodewords.names_of(nodes)
        rows = [_job_row(job, names) for job in running]
        parts.append(output.table(("JOB", "STAGE", "STEP", "NODE", "ETA"), rows))
    if known := nodewords.ours(nodes):
        parts.append(nodewords.table(known))
    if waiting := [node.text("name") for node in nodes if node.text("state") == "new"]:
        who = f"{output.clean(', '.join(waiting))} {'asks' if len(waiting) == 1 else 'ask'} to join"
        parts.append(f"{who}: `stablenew node pair NAME CODE`, with the code shown there")
    if (undo := scene.text("undo")) and scene.text("state") != "read-only":
        parts.append(f"`stablenew undo` takes back: {output.clean(undo)}")
    return "\n\n".join(parts)


def moment_words(moment: Doc) -> str:
    """`as of 2026-11-20 22:04 (event 1204 of 5310)`"""
    when = output.moment(moment.text("at")) if "at" in moment else "before the first event"
    return f"as of {output.styled(when, 'bold')} (event {moment.whole('seq')} of {moment.whole('newest')})"


def queue_words(queue: Doc) -> str:
    """`queue paused: 12 queued, 1 running; ETA 4m 10s; mode share`"""
    counts = queue.doc("counts")
    shown = [
        f"{number} {name}" if name != "attention" else f"{number} need attention"
        for name in ("running", "queued", "held", "attention")
        if (number := counts.whole(name))
    ]
    line = f"queue{output.styled(' paused', 'yellow') if queue.flag('paused') else ''}: {', '.join(shown) or 'empty'}"
    if queue.real("eta_s"):  # 0: what waits is held, or nobody knows
        line += f"; ETA {output.duration(queue.real('eta_s'))}"
    line += f"; mode {queue.text('mode', 'share')}"
    return line + (f"\nnothing is given out: {output.clean(queue.text('blocked'))}" if queue.text("blocked") else "")


def _run_row(run: Doc) -> tuple[str, ...]:
    failed = run.whole("failed") + run.whole("attention")
    name = run.text("name") + (" (paused)" if run.flag("paused") else "")
    return (
        run.text("run"), name, str(run.whole("jobs")), str(run.whole("finished")), str(failed or ""),
        output.duration(run.real("eta_s") or None) or _begins(run), _due(run),
    )  # fmt: skip


def _begins(run: Doc) -> str:
    """Of a run whose window is shut, or that is to start later."""
    return f"begins {output.moment(run.text('not_before'))}" if "not_before" in run else ""


def _due(run: Doc) -> str:
    """When it should be done, and whether it will be by what is known now."""
    from datetime import datetime

    if "deadline" not in run:
        return ""
    words = output.moment(run.text("deadline"))
    left = (datetime.fromisoformat(run.text("deadline")) - datetime.now().astimezone()).total_seconds()
    eta = run.real("eta_s") or 0.0
    return f"{words}, {'in time' if eta <= left else 'LATE'}" if eta or left < 0 else words


def _job_row(job: Doc, names: Mapping[str, str]) -> tuple[str, ...]:
    steps = f"{job.whole('step')}/{job.whole('steps')}" if job.whole("steps") else job.text("doing")
    stage = f"{job.text('stage')} ({job.whole('stage_number')} of {job.whole('stages')})"
    return (
        job.text("job"),
        stage,
        steps,
        names.get(job.text("node"), job.text("node")),
        output.duration(job.real("eta_s")),
    )


STATUS = Verb(status, "What runs, what waits, and on which nodes.", (AS_OF, JSON))
