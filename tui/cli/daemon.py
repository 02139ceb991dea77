"""`daemon`: starts, stops and looks at the program that does the work. It runs as a process of its own."""

import os
from typing import TYPE_CHECKING

from schema.errors import Exit, Refused, why
from tui.cli import access, ask, output
from tui.cli.child import become
from tui.cli.tree import JSON, Verb, flag
from tui.link.doc import Doc

if TYPE_CHECKING:
    from pathlib import Path

STATUS_FIELDS = ("pid", "socket", "version", "head", "state", "trouble", "started", "results")


def start(as_json: bool) -> int:
    """A daemon that only shows things counts as a failure, though it runs: a script would go on to submit."""
    from tui.link import endpoint

    was_up = endpoint.state_of(os.environ) in endpoint.UP
    answer = ask.started().get("/v1/status")
    if as_json:
        output.put_json(_status_of(answer))
    elif answer.text("state") == "read-only":
        output.tell(f"The daemon runs (pid {answer.whole('pid')}) and only shows what there is.")
        output.tell(output.clean(answer.text("trouble")))
    else:
        output.tell(f"The daemon {'already runs' if was_up else 'is ready'} (pid {answer.whole('pid')}).")
    return Exit.FAILED if answer.text("state") == "read-only" else Exit.DONE


def stop(as_json: bool) -> int:
    """Returns when the process is gone. What runs is given back to the queue and goes on after the next start."""
    from tui.link import endpoint

    pid = endpoint.end(os.environ)
    if as_json:
        output.put_json({"stopped": True, "pid": pid})
    else:
        output.tell(f"The daemon (pid {pid}) has ended; what was queued waits for the next start.")
    return Exit.DONE


def status(as_json: bool) -> int:
    answer = ask.daemon().get("/v1/status")
    if as_json:
        output.put_json(_status_of(answer))
        return Exit.DONE
    shown = {name: str(answer.fields.get(name) or "") for name in STATUS_FIELDS}
    if not shown["trouble"]:
        del shown["trouble"]
    shown |= {"started": output.moment(answer.text("started")), "api": access.told(answer.doc("api"))}
    output.put(output.pairs(shown))
    return Exit.DONE


def _status_of(answer: Doc) -> dict[str, object]:
    return {name: answer.fields.get(name) for name in (*STATUS_FIELDS, "api")}


def run(words: list[str]) -> int:
    """In the foreground: this process becomes the daemon, so that signals and the exit code are its own."""
    return become("run", *words)


UNIT = """\
# Ready once it answers; ended and started again where its loop or the writer of its log stands still, and after a disk
# that failed. Not where another daemon has the log, or the settings are wrong: a person must look first.
[Unit]
Description=stablenew: makes pictures in a queue
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
ExecStart={command} daemon run
WatchdogSec=60
Restart=on-failure
RestartPreventExitStatus={locked} {refused}
RestartSec=2
TimeoutStartSec=infinity
TimeoutStopSec=20
KillMode=mixed
{environment}
# What needs no view of its own of files and devices: graphics cards and folders of pictures stay where they are.
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=default.target
"""


def install(show: bool, as_json: bool) -> int:
    """Writes a systemd user unit and says how to switch it on; `--print` only shows it."""
    unit = unit_text(os.environ)
    if show:
        output.put(unit.rstrip())
        return Exit.DONE
    path = unit_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit)
    except OSError as fault:
        raise Refused(
            f"cannot write the unit: {why(fault)}.", where=str(path), remedy="Check permissions and free space."
        ) from None
    steps = ["systemctl --user enable --now stablenew", "loginctl enable-linger"]
    if as_json:
        output.put_json({"unit": str(path), "next": steps})
    else:
        output.put(str(path))
        output.tell(f"Switch it on with `{steps[0]}`;\n`{steps[1]}` lets it run while nobody is logged in.")
    return Exit.DONE


def unit_path() -> "Path":
    from pathlib import Path

    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "systemd" / "user" / "stablenew.service"


def unit_text(env: os._Environ[str] | dict[str, str]) -> str:
    import sys
    from pathlib import Path
    from shutil import which

    from tui.link.endpoint import absolute

    settled = absolute(env)
    kept = [name for name in ("STABLENEW_HOME", "STABLENEW_SOCKET") if settled.get(name)]
    environment = "".join(f'Environment="{name}={_escaped(settled[name])}"\n' for name in kept)
    own = Path(sys.executable).parent / "stablenew"
    command = str(own) if own.exists() else which("stablenew") or "%h/.local/bin/stablenew"
    return UNIT.format(
        command=_escaped(command) if " " not in command else f'"{_escaped(command)}"',
        locked=int(Exit.LOCKED), refused=int(Exit.REFUSED), environment=environment,
    )  # fmt: skip


def _escaped(text: str) -> str:
    """As systemd reads values: a percent sign begins a specifier, a quote ends the value."""
    return text if text.startswith("%h") else text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


VERBS = {
    "start": Verb(start, "Start the daemon; returns when it is ready, at once if it already runs.", (JSON,)),
    "stop": Verb(stop, "Stop the daemon; what is queued waits for the next start.", (JSON,)),
    "status": Verb(status, "Its process, socket, version and state.", (JSON,)),
    "run": Verb(run, "Run the daemon in the foreground, as systemd does.", (), passes=True),
    "install": Verb(
        install,
        "Write a systemd user unit.",
        (flag("--print", "Only print the unit.", dest="show"), JSON),
    ),
}
