"""`agent`: drives an imaging program on this machine for the daemon. The agent itself is another program.

Chooses what it drives, from the flags or from what the usual ports answer, and becomes that program.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from schema.errors import Exit, Refused
from tui.cli import output
from tui.cli.node import list_ as list_nodes
from tui.cli.tree import JSON, Verb, flag, option, options

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("webui", "comfyui", "diffusers", "llm", "sketch")
AT_PORTS = ("webui", "comfyui", "llm")
"""Kinds that are servers, found at an address."""


class Found(NamedTuple):
    """A server that answered on one of the usual local ports."""

    kind: str
    url: str
    release: str
    note: str
    usable: bool = True
    """False: it cannot be driven as it runs now; the note says what is missing."""

    def told(self) -> str:
        return f"{self.kind} at {self.url}" + (f" ({self.release})" if self.release else "")


def run(
    backends: Sequence[str], url: str | None, models: str | None, name: str | None,
    free_after: float | None, yes: bool,
) -> int:  # fmt: skip
    """Becomes the agent. Raises Refused for a choice that makes no sense."""
    from pathlib import Path

    if free_after is not None and not 0.0 <= free_after <= 31_536_000.0:
        raise Refused(f"{free_after:g} is no time to wait", where="--free-after", remedy="Give seconds, 0 or more.")
    chosen = _chosen(backends, url, models) if backends else _offered(url, yes)
    node = name or f"{os.uname().nodename}-{chosen[0].partition('=')[0]}"
    home = _home(node)
    words = [
        sys.executable, "-P", "-m", "agent", "--home", str(home), "--socket", str(_socket(home)), "--node", node,
    ]  # fmt: skip
    for backend in chosen:
        words += ["--backend", backend]
    if models:
        words += ["--models", str(_folder(Path(models)))]
    if free_after is not None:
        words += ["--free-after", f"{free_after:g}"]
    waits = "" if _daemon_runs() else " No daemon runs yet: `stablenew daemon start`, or any run, starts one."
    output.tell(
        f"Agent {output.clean(node)} is to drive {', '.join(map(output.clean, chosen))}; Ctrl-C ends it.{waits}"
    )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(words[0], words)


def _chosen(backends: Sequence[str], url: str | None, models: str | None) -> list[str]:
    chosen: list[str] = []
    for written in backends:
        kind, _, place = written.partition("=")
        if kind not in KINDS:
            raise Refused(f"there is no backend {kind!r}", where="--backend", remedy=f"There are: {', '.join(KINDS)}.")
        if not place and url and kind in AT_PORTS:
            place, url = url, None
        if kind == "diffusers" and not (place or models):
            raise Refused("diffusers needs a folder of models", where="--backend", remedy="Name it with --models DIR.")
        _check_address(kind, place)
        if any(one.partition("=")[0] == kind for one in chosen):
            raise Refused(
                f"an agent drives one {kind}", where="--backend", remedy="Run a second agent with another --name."
            )
        chosen.append(f"{kind}={place}" if place else kind)
    if url:
        raise Refused("no server among the backends takes it", where="--url", remedy="Write --backend KIND --url URL.")
    return chosen


def _check_address(kind: str, place: str) -> None:
    if kind in AT_PORTS and "@" in place:
        raise Refused(
            "an address holds no name or password, since every program here can read it", where="--url",
            remedy="Set STABLENEW_AGENT_AUTH=USER:PASSWORD in the environment instead.",
        )  # fmt: skip
    if kind in AT_PORTS and place and not place.startswith(("http://", "https://")):
        raise Refused(
            f"'{output.clean(place)}' is no address of a server", where="--url",
            remedy="Write it as http://HOST:PORT.",
        )  # fmt: skip


def _offered(url: str | None, yes: bool) -> list[str]:
    """What answers on the usual ports of this machine, after a question where somebody can answer it."""
    if url:
        raise Refused("which kind of server is it?", where="--url", remedy="Add --backend webui, comfyui or llm.")
    seen = discovered()
    for server in seen:
        output.tell(f"Found {output.clean(server.told())}. {output.clean(server.note)}".rstrip())
    found = list({server.kind: server for server in reversed(seen) if server.usable}.values())[::-1]
    for server in seen:
        if server.usable and server not in found:
            output.tell(f"An agent drives one {server.kind}; for {server.url} run another one with a --name.")
    if not found:
        raise Refused(
            "no imaging server answers on the usual ports of this machine", where="stablenew agent run",
            remedy="Start one with its API on, or name it: --backend webui --url http://HOST:PORT, --backend comfyui "
            "--url ..., --backend diffusers --models DIR.",
        )  # fmt: skip
    if not yes and sys.stdin.isatty():
        output.tell("Drive it? [Y/n]" if len(found) == 1 else "Drive them all? [Y/n]")
        try:
            wish = input().strip().lower()
        except EOFError:
            wish = "no"
        if wish not in ("", "y", "yes"):
            raise Refused("nothing to drive", where="stablenew agent run", remedy="Choose with --backend KIND=URL.")
    return [f"{server.kind}={server.url}" for server in found]


def discovered() -> list[Found]:
    """Asks the usual local ports; usable servers first; empty when none answers, or the look itself failed."""
    import subprocess

    words = [sys.executable, "-P", "-m", "agent", "discover", "--json"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout
        answer = json.loads(told)
        return [_found(item, usable=name == "items") for name in ("items", "others") for item in answer[name]]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return []


def _found(item: Mapping[str, object], usable: bool) -> Found:
    kind, url, release, note = (str(item.get(field) or "") for field in ("kind", "url", "release", "note"))
    return Found(kind, url, release, note, usable)


def _daemon_runs() -> bool:
    from tui.link import endpoint

    return endpoint.state_of(os.environ) in endpoint.UP


def _home(node: str) -> "Path":
    from schema.places import places

    if not node or "/" in node or node.startswith(".") or len(node) > 60 or not node.isprintable():
        raise Refused(
            f"{output.clean(node)!r} is no name for an agent", where="--name",
            remedy="Take up to 60 characters, no slash, and no dot in front.",
        )  # fmt: skip
    return places({**os.environ, **_absolute_home()}).agents / node


def _absolute_home() -> dict[str, str]:
    from pathlib import Path

    home = os.environ.get("STABLENEW_HOME")
    return {"STABLENEW_HOME": str(Path(home).expanduser().absolute())} if home else {}


def _socket(home: "Path") -> "Path":
    """Where the daemon looks for it. A path may be too long for a socket: the agent then says so."""
    return home / "agent.sock"


def _folder(path: "Path") -> "Path":
    path = path.expanduser().absolute()
    if not path.is_dir():
        raise Refused("there is no such folder", where=f"--models {path}", remedy="Name the folder of your models.")
    return path


def discover(as_json: bool) -> int:
    found = discovered()
    if as_json:
        output.put_json({"items": [server._asdict() for server in found], "total": len(found)})
    elif found:
        rows = [(server.kind, server.url, server.release, server.note) for server in found]
        output.put(output.table(("KIND", "ADDRESS", "RELEASE", "NOTE"), rows))
    else:
        output.tell("No imaging server answers on the usual ports of this machine.")
    return Exit.DONE


def status(as_json: bool) -> int:
    """The agents as the daemon knows them; the embedded one is there from the start."""
    return list_nodes(as_json)


VERBS = {
    "run": Verb(
        run,
        "Drive an imaging program on this machine: the daemon finds the agent and gives it work.\n"
        "Without --backend it looks at the usual local ports and offers what it finds. Ends with Ctrl-C.\n"
        "Several programs on one GPU: name --backend several times. Two GPUs: run two agents, each with a --name.\n"
        "For a server that asks who you are, set STABLENEW_AGENT_AUTH=USER:PASSWORD.",
        (
            options("--backend", "KIND[=URL]", f"What to drive: {', '.join(KINDS)}.", dest="backends"),
            option("--url", "URL", "Address of the server; default: the usual one of its kind."),
            option("--models", "DIR", "Folder of models, for diffusers and where a server's own lists fail."),
            option("--name", "NAME", "What the node is called; default: this machine and the backend."),
            option(
                "--free-after", "SECONDS", "Idle for so long, give the memory back; default: 600; 0: never.", kind=float
            ),
            flag("--yes", "Drive whatever was found, without a question."),
        ),
    ),
    "discover": Verb(discover, "What answers on the usual local ports; no daemon is needed.", (JSON,)),
    "status": Verb(status, "The agents that the daemon drives; the embedded one needs no set-up.", (JSON,)),
}
