"""The agents of this machine: where each has its folder, which run, and whom they belong to.

One that runs is asked over its own socket; one that does not is read from its folder.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from schema.errors import Exit, NoDaemon, Refused, why
from tui.cli import output
from tui.link.doc import Doc

if TYPE_CHECKING:
    from pathlib import Path

PAIRING = "/v1/pairing"
KEYS, PIN, TOKEN = "keys", "pin.json", "token"
"""In an agent's folder: whom it belongs to, and what it waits with."""

TOLD = ("node", "pid", "connected", "port", "addresses", "announced", "trouble", "code", "code_s")
"""Of one that runs; null of one that does not."""

HEADS = ("NAME", "STATE", "FLEET", "ADDRESS", "PAIR CODE", "PID")


class Here(NamedTuple):
    """One agent of this machine."""

    name: str
    home: "Path"
    told: Doc | None
    """What it says of itself; None: it does not run."""

    @property
    def fleet(self) -> str:
        if self.told is not None:
            return self.told.text("fleet")
        try:
            return str(json.loads((self.home / KEYS / PIN).read_bytes())["fleet"])
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, KeyError, TypeError):
            return "unreadable"

    @property
    def joins(self) -> bool:
        return self.told.text("state") == "joining" if self.told else (self.home / KEYS / TOKEN).exists()

    def as_json(self) -> dict[str, object]:
        told = self.told.fields if self.told else {}
        state = told.get("state") or ("paired" if self.fleet else "joining" if self.joins else "waiting")
        return {
            "name": self.name, "running": self.told is not None, "state": state, "fleet": self.fleet,
            **{key: told.get(key) for key in TOLD}, "folder": str(self.home),
        }  # fmt: skip


def status(as_json: bool) -> int:
    """This machine's agents, and the nodes as its daemon knows them where one runs."""
    found, nodes = here(), _nodes()
    if as_json:
        document: dict[str, object] = {"items": [each.as_json() for each in found], "total": len(found)}
        output.put_json({**document, "nodes": None if nodes is None else [node.fields for node in nodes]})
        return Exit.DONE
    if found:
        output.put(output.table(HEADS, [_row(each) for each in found]))
        for each in found:
            if each.told is not None and each.told.text("trouble"):
                output.tell(f"{output.clean(each.name)} has no name on the network: {each.told.text('trouble')}.")
    else:
        output.tell("No agent of this machine; `stablenew agent run` starts one.")
    if nodes:
        from tui.cli import nodewords

        output.put("\nThe nodes of this machine's daemon:\n\n" + nodewords.table(nodes))
    return Exit.DONE


def unpair(name: str | None, as_json: bool) -> int:
    """Forgets the pin, and a token that waits. Raises Refused where it is not clear whose."""
    one = _meant(name)
    fleet, joins = one.fleet, one.joins
    done = bool(fleet or joins)
    if one.told is not None and done:
        from tui.link.call import Daemon

        Daemon(os.path.realpath(socket_of(one.home))).delete(PAIRING)
    elif done:
        _refuse_hanging(one)
        _forget(one.home)
    shown = output.clean(one.name)
    if as_json:
        output.put_json({"name": one.name, "unpaired": done, "fleet": fleet})
    elif not done:
        output.tell(f"Agent {shown} is paired with nobody.")
    elif one.told is None:
        output.tell(f"Agent {shown} is unpaired; once it runs it shows a code to be paired anew.")
    else:
        output.tell(f"Agent {shown} is unpaired and shows a new code: `stablenew agent status` has it too.")
    return Exit.DONE


def here() -> list[Here]:
    """By name."""
    folder = _places_agents()
    try:
        homes = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []
    return [Here(home.name, home, _asked(home)) for home in homes]


def home_of(node: str) -> "Path":
    """Raises Refused for what is no name."""
    if not node or "/" in node or node.startswith(".") or len(node) > 60 or not node.isprintable():
        raise Refused(
            f"{output.clean(node)!r} is no name for an agent", where="--name",
            remedy="Take up to 60 characters, no slash, and no dot in front.",
        )  # fmt: skip
    return _places_agents() / node


def socket_of(home: "Path") -> "Path":
    """Where the daemon looks for it. A path may be too long for a socket: it is a link to one then."""
    return home / "agent.sock"


def refuse_running(node: str, home: "Path") -> None:
    """Raises Refused where the agent runs already; of two that start at once its lock decides."""
    if (told := _asked(home)) is not None:
        raise Refused(
            f"agent {output.clean(node)} runs already (pid {told.whole('pid')})", where="--name",
            remedy="Stop it first, or run another one with a --name of its own.",
        )  # fmt: skip


def lay_token(home: "Path", text: str) -> None:
    """For the agent to find. Raises Refused where the agent belongs to a fleet already."""
    if fleet := Here(home.name, home, _asked(home)).fleet:
        raise Refused(
            f"agent {output.clean(home.name)} is paired with fleet {output.clean(fleet)[:8]} already", where="TOKEN",
            remedy=f"`stablenew agent unpair --name {output.clean(home.name)}` ends that.",
        )  # fmt: skip
    keys = home / KEYS
    try:
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (home, keys):
            folder.chmod(0o700)
        path = keys / TOKEN
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
    except OSError as fault:
        raise Refused(
            f"the token could not be kept: {why(fault)}", where=str(keys), remedy="Check permissions and free space."
        ) from None


def _meant(name: str | None) -> Here:
    """The one of this name, or the only one that is paired."""
    found = here()
    names = ", ".join(output.clean(each.name) for each in found) or "none"
    if name is not None:
        for each in found:
            if each.name == name:
                return each
        raise Refused(
            f"there is no agent '{output.clean(name)}' on this machine", where="--name", remedy=f"There are: {names}."
        )
    paired = [each for each in found if each.fleet or each.joins] or found
    if len(paired) != 1:
        what = "several agents of this machine are paired" if paired else "there is no agent on this machine"
        raise Refused(what, where="stablenew agent unpair", remedy=f"Name one with --name; there are: {names}.")
    return paired[0]


def _row(one: Here) -> tuple[str, ...]:
    told = one.told or Doc({})
    state = str(one.as_json()["state"]) if one.told else "stopped"
    if state == "paired" and not told.flag("connected"):
        state = "paired, its daemon is away"
    port, addresses = told.whole("port"), told.texts("addresses")
    address = f"{addresses[0] if addresses else '*'}:{port}" if port else ""
    return (one.name, state, one.fleet[:8], address, told.text("code"), str(told.whole("pid") or ""))


def _asked(home: "Path") -> Doc | None:
    """Of the agent that runs there; None: none does, or it hangs."""
    from tui.link.call import Daemon

    path = socket_of(home)
    if not path.exists():
        return None
    with suppress(NoDaemon, Refused):
        return Daemon(os.path.realpath(path)).get(PAIRING, patience=5.0)
    return None


def _refuse_hanging(one: Here) -> None:
    """Raises Refused for one that runs and does not answer: it would not see that its pin is gone."""
    import fcntl

    try:
        lock = os.open(one.home / "lock", os.O_RDWR)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Refused(
            f"agent {output.clean(one.name)} runs but does not answer", where="stablenew agent unpair",
            remedy="Stop it first, with its log at hand: " + str(one.home / "logs"),
        ) from None  # fmt: skip
    finally:
        os.close(lock)


def _forget(home: "Path") -> None:
    """On disk when it returns. Raises Refused."""
    keys = home / KEYS
    try:
        for name in (PIN, TOKEN):
            (keys / name).unlink(missing_ok=True)
        descriptor = os.open(keys, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as fault:
        raise Refused(f"the agent could not be unpaired: {why(fault)}", where=str(keys)) from None


def _nodes() -> Sequence[Doc] | None:
    """None: no daemon runs."""
    from tui.cli import ask

    try:
        return ask.daemon().get("/v1/nodes").docs("items")
    except NoDaemon:
        return None


def _places_agents() -> "Path":
    from schema.places import places
    from tui.link.endpoint import absolute

    return places(absolute(os.environ)).agents
