"""`agent`: drives an imaging program on this machine for the daemon. The agent itself is another program.

Chooses what it drives, from the flags or from what the usual ports answer, and becomes that program.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from schema.errors import Exit, Refused
from tui.cli import agents, agentunit, output
from tui.cli.tree import JSON, Verb, argument, flag, option, options

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
    free_after: float | None, yes: bool, port: int | None = None, local: bool = False, shared: str | None = None,
    gpu: int | None = None,
) -> int:  # fmt: skip
    """Becomes the agent. Raises Refused for a choice that makes no sense."""
    words, home = _settled(
        backends=backends, url=url, models=models, name=name, free_after=free_after, yes=yes, port=port, local=local,
        shared=shared, gpu=gpu,
    )  # fmt: skip
    return _become(words, home)


def join(token: str, **asked: object) -> int:
    """`run`, with the token laid into the agent's folder first, for it to find."""
    from schema.tokens import read_token, token_text

    read = read_token(token)
    if asked.get("local"):
        raise Refused("an agent that joins a fleet is on the network", where="--local", remedy="Leave it out.")
    words, home = _settled(**asked)
    agents.lay_token(home, token_text(read))
    return _become(words, home)


def install(show: bool, as_json: bool, **asked: object) -> int:
    words, home = _settled(**asked)
    return agentunit.install(words, home, show, as_json)


class Words(NamedTuple):
    """The agent's own words, and those of `stablenew agent run` that mean the same."""

    node: str
    agent: tuple[str, ...]
    run: tuple[str, ...]
    backends: tuple[str, ...]


def _settled(**asked: object) -> "tuple[Words, Path]":
    """Everything that was left open decided, and every folder named from the root."""
    return _words(**asked)  # type: ignore[arg-type]  # the same words as `run` takes, checked where they are read


def _words(
    backends: Sequence[str], url: str | None, models: str | None, name: str | None,
    free_after: float | None, yes: bool, port: int | None, local: bool, shared: str | None, gpu: int | None,
) -> "tuple[Words, Path]":  # fmt: skip
    """Raises Refused for a choice that makes no sense."""
    if free_after is not None and not 0.0 <= free_after <= 31_536_000.0:
        raise Refused(f"{free_after:g} is no time to wait", where="--free-after", remedy="Give seconds, 0 or more.")
    if local and port is not None:
        raise Refused("an agent without network has no port", where="--local", remedy="Leave one of the two out.")
    chosen = _chosen(backends, url, models) if backends else _offered(url, yes)
    numbered = "" if gpu is None else f"-gpu{gpu}"
    node = name or f"{os.uname().nodename}-{chosen[0].partition('=')[0]}{numbered}"
    home = agents.home_of(node)
    both: list[str] = [word for backend in chosen for word in ("--backend", backend)]
    for flag_, value in (
        ("--models", models and str(_folder("--models", models))),
        ("--shared", shared and str(_folder("--shared", shared))),
        ("--free-after", None if free_after is None else f"{free_after:g}"),
        ("--port", None if port is None else str(port)),
        ("--gpu", None if gpu is None else str(gpu)),
    ):
        both += [flag_, value] if value else []
    own = [
        "--home", str(home), "--socket", str(agents.socket_of(home)), "--node", node, *both,
        *([] if local else ["--network"]),
    ]  # fmt: skip
    said = ["--name", node, *both, *(["--local"] if local else [])]
    return Words(node, tuple(own), tuple(said), tuple(chosen)), home


def _become(words: Words, home: "Path") -> int:
    agents.refuse_running(words.node, home)
    command = [sys.executable, "-P", "-m", "agent", *words.agent]
    driven = ", ".join(map(output.clean, words.backends))
    output.tell(f"Agent {output.clean(words.node)} is to drive {driven}; Ctrl-C ends it.")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)


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


def _folder(option_: str, written: str) -> "Path":
    from pathlib import Path

    path = Path(written).expanduser().absolute()
    if not path.is_dir():
        told = "Name the folder of your models." if option_ == "--models" else "Mount it, or make it first."
        raise Refused("there is no such folder", where=f"{option_} {path}", remedy=told)
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


RUN = (
    options("--backend", "KIND[=URL]", f"What to drive: {', '.join(KINDS)}.", dest="backends"),
    option("--url", "URL", "Address of the server; default: the usual one of its kind."),
    option("--models", "DIR", "Folder of models, for diffusers and where a server's own lists fail."),
    option("--name", "NAME", "What the node is called; default: this machine and the backend."),
    option("--port", "N", "Listen on this port; default: 7801 or another that is free; 0: any that is free.", kind=int),
    flag("--local", "For the daemon of this machine alone: nothing listens on the network."),
    option("--shared", "DIR", "A folder that the daemon's machine has too: results are left there, not sent."),
    option("--gpu", "N", "The NVIDIA GPU it stands for, as nvidia-smi counts; default: the first.", kind=int),
    option("--free-after", "SECONDS", "Idle for so long, give the memory back; default: 600; 0: never.", kind=float),
    flag("--yes", "Drive whatever was found, without a question."),
)

VERBS = {
    "run": Verb(
        run,
        "Drive an imaging program on this machine. A daemon of this machine finds the agent and gives it work;\n"
        "one on another machine does once it is paired, with the code that is shown: `stablenew node pair NAME CODE`.\n"
        "Without --backend it looks at the usual local ports and offers what it finds. Ends with Ctrl-C.\n"
        "Several programs on one GPU: name --backend several times. Two GPUs: run two agents, each with its --gpu.\n"
        "For a server that asks who you are, set STABLENEW_AGENT_AUTH=USER:PASSWORD.",
        RUN,
    ),
    "join": Verb(
        join,
        "Run an agent that joins a fleet by itself, with a token of `stablenew node invite` on the daemon's machine.\n"
        "For machines whose terminal nobody reads. The token is kept until the agent is paired.",
        (argument("TOKEN", "What `stablenew node invite` printed, whole."), *RUN),
    ),
    "unpair": Verb(
        agents.unpair,
        "Let an agent of this machine forget the fleet it belongs to; it may then be paired anew.\n"
        "Works whether the agent runs or not.",
        (option("--name", "NAME", "Which one, where several are paired."), JSON),
    ),
    "status": Verb(agents.status, "The agents of this machine, and the nodes of its daemon where one runs.", (JSON,)),
    "install": Verb(
        install,
        "Write a systemd user unit that runs the agent; takes what `agent run` takes.",
        (*RUN, flag("--print", "Only print the unit.", dest="show"), JSON),
    ),
    "discover": Verb(discover, "What answers on the usual local ports; no daemon is needed.", (JSON,)),
}
