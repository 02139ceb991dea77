"""`doctor`: what works here and what does not, each finding with its remedy. Asks a daemon only if one runs."""

import os
import sys
from collections.abc import Iterator

from schema.errors import Exit, NoDaemon, Refused, why
from tui.cli import access, ask, config, output
from tui.cli.doctorlog import Finding, backups, libraries, log_files, running, service
from tui.cli.tree import JSON, Verb
from tui.link.doc import Doc

FREE_FLOOR = 2_048_000_000
"""Bytes; below it the daemon starts no stage unless the settings say otherwise."""

SQLITE_FLOOR = (3, 51, 3)
"""Older ones have a rare fault when a write-ahead log is reset under several connections."""

OURS = ("schema", "daemon", "agent", "tui")


def doctor(as_json: bool) -> int:
    found = list(findings())
    broken = [finding for finding in found if finding.state == "broken"]
    if as_json:
        output.put_json(
            {"ok": not broken, "findings": [finding._asdict() for finding in found], "paths": config.paths()}
        )
    else:
        marks = {"ok": "ok", "note": "note", "broken": "BROKEN"}
        rows = [(marks[f.state], f.name, f"{f.text} {f.remedy}".strip()) for f in found]
        for mark, name, text in rows:
            style = {"ok": "green", "note": "yellow", "BROKEN": "red"}[mark]
            output.put(f"{output.styled(f'{mark:<7}', style)}{name:<10}{output.clean(text)}")
    return Exit.FAILED if broken else Exit.DONE


def findings() -> Iterator[Finding]:
    yield _versions()
    yield _sqlite()
    yield libraries()
    yield _packages()
    yield from _folders()
    yield log_files()
    yield backups()
    yield _settings()
    yield _ffmpeg()
    yield _terminal()
    yield _pictures()
    yield _mdns()
    yield from service()
    answer = _asked()
    if isinstance(answer, Finding):
        yield answer
        yield from servers(())
    else:
        yield from _daemon(answer)
        yield from servers(answer.docs("nodes"))


def _versions() -> Finding:
    from importlib.metadata import version

    python = ".".join(map(str, sys.version_info[:3]))
    return Finding("version", "ok", f"stablenew {version('stablenew')} on Python {python}, {sys.platform}")


def _sqlite() -> Finding:
    import sqlite3

    if sqlite3.sqlite_version_info >= SQLITE_FLOOR:
        return Finding("sqlite", "ok", sqlite3.sqlite_version)
    floor = ".".join(map(str, SQLITE_FLOOR))
    return Finding(
        "sqlite", "note", f"{sqlite3.sqlite_version}, older than {floor}, has a rare fault that the log's checks would"
        " notice.", "A newer Python brings a newer one.",
    )  # fmt: skip


def _packages() -> Finding:
    """Nobody else may own our four names: two owners overwrite each other's files silently."""
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    strangers = {name: sorted(set(owners.get(name, ())) - {"stablenew"}) for name in OURS}
    taken = [f"{name} ({', '.join(others)})" for name, others in strangers.items() if others]
    if not taken:
        return Finding("packages", "ok", "nobody else owns schema, daemon, agent or tui")
    return Finding(
        "packages", "broken", f"other packages own {', '.join(taken)}.",
        "Install stablenew into an environment of its own: `uv tool install stablenew`.",
    )  # fmt: skip


def _folders() -> Iterator[Finding]:
    from pathlib import Path
    from shutil import disk_usage

    paths = config.paths()
    for name in ("config", "data", "state", "results"):
        folder = Path(paths[name] or "/")
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = disk_usage(there).free
        text = f"{folder}, {output.size(free)} free"
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            yield Finding(name, "broken", f"{there} cannot be written.", "Make it writable, or set STABLENEW_HOME.")
        elif free < FREE_FLOOR and name != "config":
            yield Finding(name, "note", f"{text}: no stage is started below 2 GB.", "Make room.")
        else:
            yield Finding(name, "ok", text)


def _settings() -> Finding:
    import subprocess

    from tui.link.endpoint import daemon_command

    checked = subprocess.run(daemon_command("config-validate"), capture_output=True, text=True, check=False)
    if checked.returncode == 0:
        return Finding("settings", "ok", "valid")
    told = (checked.stderr or checked.stdout).strip().splitlines() or [f"ended with {checked.returncode}"]
    return Finding("settings", "broken", told[-1], "`stablenew config validate` says more.")


def _ffmpeg() -> Finding:
    """The one that films are made with: named, the system's, or the one that came along."""
    import subprocess

    from tui.link.ffmpeg import ffmpeg

    try:
        path = ffmpeg(os.environ)
        told = subprocess.run([path, "-version"], capture_output=True, text=True, check=True, timeout=20).stdout
    except (Refused, OSError, subprocess.SubprocessError) as fault:
        return Finding("ffmpeg", "note", f"none that runs ({why(fault)}): no films.", "Install ffmpeg.")
    words = told.split()
    return Finding("ffmpeg", "ok", f"{words[2] if len(words) > 2 else 'of unknown version'} at {path}")


def _terminal() -> Finding:
    env = os.environ
    inside = [name for name, there in (("tmux", "TMUX" in env), ("ssh", "SSH_CONNECTION" in env)) if there]
    colours = "truecolor" if env.get("COLORTERM") in ("truecolor", "24bit") else "256 colours or fewer"
    text = f"TERM={env.get('TERM', 'not set')}, {colours}{', inside ' + ' and '.join(inside) if inside else ''}"
    if env.get("NO_COLOR"):
        text += ", NO_COLOR is set"
    return Finding("terminal", "ok" if env.get("TERM") else "note", text)


def _pictures() -> Finding:
    """What the terminal itself answers, where there is one to ask."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("NO_COLOR"):
        return Finding("pictures", "ok", "half cells (no terminal to ask for more)")
    from tui.cli.terminal import picture_protocol

    return Finding("pictures", "ok", picture_protocol())


def _mdns() -> Finding:
    try:
        from zeroconf import Zeroconf

        Zeroconf().close()
    except (ImportError, OSError) as fault:
        return Finding("mdns", "note", f"cannot be used ({why(fault)}): agents on other machines could not be found.")
    return Finding("mdns", "ok", "can be used")


def _asked() -> Doc | Finding:
    """The daemon's status, or why there is none."""
    try:
        return ask.daemon().get("/v1/status")
    except NoDaemon as absent:
        return Finding("daemon", "note", str(absent), "`stablenew daemon start` starts one.")
    except Refused as refused:
        return Finding("daemon", "broken", refused.told())


def _daemon(answer: Doc) -> Iterator[Finding]:
    yield from running(answer)
    yield from _api(answer)
    for node in answer.docs("nodes"):
        yield _node(node)


def _api(status: Doc) -> Iterator[Finding]:
    """What of the API is open besides the socket."""
    api = status.doc("api")
    if not api.text("address"):
        yield Finding("api", "ok", "over the socket alone")
    elif not api.flag("alone"):
        yield Finding(
            "api", "note", f"{access.told(api)}. It speaks plain HTTP: who reads along can take a secret.",
            "Listen at 127.0.0.1 and reach it by `ssh -L`, a VPN, or a proxy that speaks TLS.",
        )  # fmt: skip
    elif not api.whole("accesses"):
        yield Finding(
            "api", "note", f"{access.told(api)}: nobody may ask there.", "`stablenew token new` lets somebody."
        )
    else:
        yield Finding("api", "ok", access.told(api))


def _node(node: Doc) -> Finding:
    state, name = node.text("state"), output.clean(node.text("name"))
    where = f" at {node.text('address')}" if node.text("address") else ""
    if state == "new":
        text = output.clean(f"{name}{where} asks to join.")
        return Finding("node", "ok", text, f"`stablenew node pair {name} CODE`, with the code that it shows.")
    if state == "taken":
        return Finding("node", "ok", output.clean(f"{name}{where} belongs to another daemon"))
    text = f"{name}{where}: {', '.join(filter(None, (state, *node.texts('backends'))))}"
    troubles = [f"{server.text('kind')}: {server.text('trouble')}" for server in node.docs("servers")
                if server.text("state") != "ready" and server.text("trouble")]  # fmt: skip
    troubles += filter(None, (node.text("trouble"), *node.texts("barred")))
    idle = [] if troubles else [node.text("why_idle")]
    well = state in ("ready", "busy") and not troubles
    return Finding("node", "ok" if well else "note", output.clean("; ".join(filter(None, (text, *troubles, *idle)))))


def servers(nodes: tuple[Doc, ...]) -> Iterator[Finding]:
    """What answers on the usual local ports, and whether a node drives it."""
    from tui.cli.agent import discovered

    driven = {server.text("url").rstrip("/"): node.text("name") for node in nodes for server in node.docs("servers")}
    found = discovered()
    for server in found:
        by = driven.get(server.url.rstrip("/"))
        if not server.usable:
            yield Finding(
                "server", "note", output.clean(f"{server.told()} cannot be driven."), output.clean(server.note)
            )
        elif by:
            yield Finding("server", "ok", output.clean(f"{server.told()}, driven by {by}"))
        else:
            yield Finding(
                "server", "note", output.clean(f"{server.told()} is not driven yet. {server.note}".rstrip()),
                f"`stablenew agent run --backend {server.kind} --url {server.url}` drives it.",
            )  # fmt: skip
    if not found:
        yield Finding(
            "server",
            "ok",
            "no imaging server answers on the usual local ports; the embedded `sketch` draws without one",
        )
    yield _torch()


def _torch() -> Finding:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "diffusers", "transformers") if find_spec(name) is None]
    if missing:
        return Finding(
            "diffusers", "ok", f"not installed here ({', '.join(missing)}); with it a folder of models needs no server:"
            " pip install 'stablenew[diffusers]'",
        )  # fmt: skip
    return Finding("diffusers", "ok", "installed: `stablenew agent run --backend diffusers --models DIR`")


DOCTOR = Verb(
    doctor, "Say what works here and what does not.\nEnds with 1 when something essential is broken.", (JSON,)
)
