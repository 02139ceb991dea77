"""`learn ask`: a language model proposes settings for what a person says in words."""

from typing import TYPE_CHECKING

from schema.errors import Exit, NoDaemon, Refused
from tui.cli import ask, output
from tui.cli.learnfiles import difference
from tui.cli.tree import JSON, KEY, Verb, argument, flag, option, switch

if TYPE_CHECKING:
    from tui.link.call import Daemon
    from tui.link.doc import Doc

PATIENCE = 120.0
"""Seconds: what the verdicts teach may have to be computed first."""


def ask_model(
    pack: str,
    wish: str | None,
    model: str | None,
    node: str | None,
    show: bool,
    of: str | None,
    wait: bool | None,
    key: str | None,
    as_json: bool,
) -> int:
    """The question is composed by the daemon, asked by a run like any other, and its answer kept as a suggestion."""
    if of is not None:
        return _answer(ask.daemon(), pack, of, key, as_json)
    if not wish:
        raise Refused("what do you want of its pictures?", where="WISH", remedy='Say: "warmer light, fewer artefacts".')
    daemon = ask.started()
    asked = ask.body(pack=pack, wish=wish, model=model, node=node)
    question = daemon.post("/v1/learn/question", asked, None, PATIENCE)
    if show:
        return _shown(question, as_json)
    taken = daemon.post("/v1/runs", question.doc("run").fields, f"{key}-run" if key else None)
    run = taken.text("run")
    output.tell(f"Run {run} asks a language model; no pictures are made.")
    if wait is False:
        return _left(pack, run, as_json)
    from tui.cli.follow import ended_with, follow, how_to_go_on

    try:
        done = follow([run])
    except KeyboardInterrupt:
        output.tell(how_to_go_on([run]))
        output.tell(_later(pack, run))
        return Exit.INTERRUPTED
    except NoDaemon as absent:
        raise NoDaemon(f"{absent} The run is {run}.") from None
    ended = ended_with(done)
    try:
        return _answer(daemon, pack, run, key, as_json)
    except Refused as refused:
        if not ended:
            raise
        output.tell(refused.told())
        return ended


def _answer(daemon: "Daemon", pack: str, run: str, key: str | None, as_json: bool) -> int:
    kept = daemon.post("/v1/learn/answer", {"run": run, "pack": pack}, f"{key}-answer" if key else None, PATIENCE)
    if as_json:
        output.put_json(kept.fields)
        return Exit.DONE
    for one in kept.docs("items"):
        output.put("\n".join(difference(one)))
    ids = [one.doc("suggestion").text("id") for one in kept.docs("items")]
    output.tell(
        f"Nothing is applied: `stablenew learn apply {' or '.join(ids)}` does it, and `stablenew undo` takes it back;"
        f" `stablenew learn dismiss {ids[0] if ids else 'ID'} --drop` lets it go."
    )
    return Exit.DONE


def _shown(question: "Doc", as_json: bool) -> int:
    if as_json:
        output.put_json(question.fields)
    else:
        output.put(output.clean_lines(question.text("told")))
        output.tell(f"And the wish: {output.clean(question.doc('run').text('prompt'))}")
    return Exit.DONE


def _left(pack: str, run: str, as_json: bool) -> int:
    if as_json:
        output.put_json({"run": run})
    else:
        output.put(run)
        output.tell(_later(pack, run))
    return Exit.DONE


def _later(pack: str, run: str) -> str:
    from shlex import join

    return f"`stablenew {join(('learn', 'ask', pack, '--run', run))}` shows and keeps its answer."


VERBS = {
    "ask": Verb(
        ask_model,
        "Ask a language model for better settings of a pack, in your own words.\n"
        "It is told the settings, their bounds and what your ratings teach; no prompts, no paths, no names of nodes.\n"
        "What it proposes is checked, kept as a suggestion and shown as a difference; nothing is applied.",
        (
            argument("PACK", "A pack of the library."),
            argument("WISH", 'What you want: "warmer light, fewer artefacts".', often="?"),
            option("--model", "NAME", "Of the language model's server; default: its first."),
            option("--node", "NAME", "Ask the language model of this node."),
            flag("--show", "Print what it would be asked, and ask nobody."),
            option("--run", "RUN", "Take up the answer of a run that asked before.", dest="of"),
            switch("--wait", "Wait for the answer; the default."),
            KEY,
            JSON,
        ),
    ),
}
