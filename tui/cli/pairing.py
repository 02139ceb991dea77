"""`node pair`, `node add`, `node invite`: how a machine comes into the fleet, told step by step.

The daemon answers when the new node has proved itself; meanwhile its list of nodes says how far it is.
"""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from schema.errors import Exit, NoDaemon, Refused
from tui.cli import ask, output
from tui.cli.tree import JSON, KEY, Verb, argument
from tui.link.doc import Doc
from tui.link.query import quoted

if TYPE_CHECKING:
    from tui.link.call import Daemon

PATIENCE = 300.0
"""Seconds: a probe may have to load a model first."""

LOOK = 0.25
"""Seconds between two looks at how far it is."""


def pair(name: str, code: str | None, key: str | None, as_json: bool) -> int:
    daemon = ask.daemon()
    code = code or _typed(f"The code that {output.clean(name)} shows: ")
    if code is None:
        raise Refused("which code?", where="stablenew node pair", remedy="The agent shows it: `node pair NAME CODE`.")
    request = {"name": name, "code": code}
    return _told(
        *_watched(lambda: daemon.post("/v1/nodes/pair", request, key, PATIENCE), daemon, name, quiet=as_json), as_json
    )


def add(address: str, code: str | None, key: str | None, as_json: bool) -> int:
    """Without a code it is looked at first; then the code is asked for where somebody can type it."""
    daemon = ask.daemon()
    request = ask.body(address=address, code=code)
    done, took = _watched(lambda: daemon.post("/v1/nodes/add", request, key, PATIENCE), daemon, address, quiet=as_json)
    if not done.flag("paired") and not as_json:
        name = output.clean(done.text("name") or address)
        output.tell(f"{name} answers at {output.clean(done.text('address') or address)}.")
        typed = _typed("The code that it shows: ")
        if typed is not None:
            again = {"name": done.text("node") or address, "code": typed}
            done, took = _watched(
                lambda: daemon.post("/v1/nodes/pair", again, None, PATIENCE), daemon, name, quiet=False
            )
    return _told(done, took, as_json)


def invite(key: str | None, as_json: bool) -> int:
    answer = ask.daemon().post("/v1/nodes/invite", {}, key)
    if as_json:
        output.put_json(answer.fields)
        return Exit.DONE
    token = output.clean(answer.text("token"))
    output.put(token)
    output.tell(
        f"On the other machine, before {output.moment(answer.text('until'))}:\n"
        f"  stablenew agent join {token}\n"
        "It is good for one machine. Where mDNS does not reach it, say here: `stablenew node add HOST:PORT`."
    )
    return Exit.DONE


def probed(daemon: "Daemon", node: str, name: str, key: str | None, as_json: bool) -> int:
    """Has the node prove itself and tells what came of it."""
    answer = daemon.post(f"/v1/nodes/{quoted(node)}/probe", {}, key, PATIENCE)
    if as_json:
        output.put_json(answer.fields)
    else:
        output.tell(_outcome(name, answer.flag("ok"), answer.text("reason"), answer.real("seconds")))
    return Exit.DONE if answer.flag("ok") else Exit.FAILED


def _told(done: Doc, took: float, as_json: bool) -> int:
    """The last word on it, and the exit code: 1 for a node that is paired and did not prove itself."""
    paired, ready = done.flag("paired"), done.flag("ready")
    if as_json:
        output.put_json(done.fields)
    elif paired:
        output.tell(_outcome(done.text("name"), ready, done.text("reason"), took))
    else:
        name = output.clean(done.text("name") or done.text("address"))
        output.tell(output.clean(done.text("reason")) or f"{name} waits to be paired: `node pair {name} CODE`.")
    return Exit.DONE if ready or not paired else Exit.FAILED


def _outcome(name: str, ok: bool, reason: str, seconds: float | None) -> str:
    name, reason = output.clean(name), output.clean(reason).rstrip(".")
    took = f" after {seconds:.1f} s" if seconds else ""
    if ok:
        return f"{name} is ready{took}{': ' + reason if reason else ''}."
    return f"{name} is not ready{': ' + reason if reason else ''}. `stablenew node probe {name}` tries it again."


def _typed(question: str) -> str | None:
    """What somebody types; None: nobody sits there."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip() or None


def _watched(call: Callable[[], Doc], daemon: "Daemon", name: str, *, quiet: bool) -> tuple[Doc, float]:
    """What `call` answers and the seconds it took; meanwhile stderr is told how far the node is.

    Raises what `call` raises.
    """
    from threading import Thread

    answers: list[Doc] = []
    faults: list[Exception] = []

    def asking() -> None:
        try:
            answers.append(call())
        except (Refused, NoDaemon) as fault:
            faults.append(fault)

    others = frozenset() if quiet else frozenset(_proving(daemon))
    began = time.monotonic()
    thread = Thread(target=asking, daemon=True)
    thread.start()
    told = quiet
    while thread.is_alive():
        thread.join(None if quiet else LOOK)
        new = {} if told else {node: doc for node, doc in _proving(daemon).items() if node not in others}
        if thread.is_alive() and new:
            told = True
            _tell_paired(next(iter(new.values())), name)
    if faults:
        raise faults[0]
    if not told and answers[0].flag("paired"):
        _tell_paired(answers[0], name)
    return answers[0], time.monotonic() - began


def _proving(daemon: "Daemon") -> dict[str, Doc]:
    """Nodes that are paired and have not proved themselves yet."""
    nodes = daemon.get("/v1/nodes").docs("items")
    return {node.text("node"): node for node in nodes if node.text("state") == "proving"}


def _tell_paired(node: Doc, name: str) -> None:
    output.tell(
        f"{output.clean(node.text('name') or name)} is paired: its key is {output.clean(node.text('node'))},"
        " which it shows too."
    )
    output.tell("It draws a small picture to prove itself ...")


CODE = argument("CODE", "The eight digits that it shows; asked for at a terminal.", often="?")

PAIR = Verb(
    pair,
    "Bring an agent on the network into the fleet.\n"
    "It shows a code; with it the two exchange their keys, and from then on each knows the other by its key alone.\n"
    "Then it draws a small picture; only when that is right is it given work.",
    (argument("NAME", "As `node list` shows it, its id, or its address."), CODE, KEY, JSON),
)
ADD = Verb(
    add,
    "Bring in an agent that is not seen here: on another subnet, over Tailscale or a VPN.",
    (argument("HOST:PORT", "Where it listens; the port is 7801 where none is written.", dest="address"), CODE, KEY,
     JSON),
)  # fmt: skip
INVITE = Verb(
    invite,
    "A token for a machine without a screen: `stablenew agent join TOKEN` there brings it in by itself.",
    (KEY, JSON),
)
