"""The systemd user unit of an agent: written, shown, and how it is switched on."""

import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from schema.errors import Exit, Refused, why
from tui.cli import output

if TYPE_CHECKING:
    from pathlib import Path

AUTH = "STABLENEW_AGENT_AUTH"

# What is refused at boot, as a drive that is not mounted yet or a port still in use, is tried again.
UNIT = """\
[Unit]
Description=stablenew agent {node}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartPreventExitStatus={locked}
RestartSec=15
TimeoutStopSec=10
EnvironmentFile=-{secrets}
{environment}
[Install]
WantedBy=default.target
"""


class Words(Protocol):
    @property
    def node(self) -> str: ...
    @property
    def run(self) -> tuple[str, ...]: ...


def install(words: Words, home: "Path", show: bool, as_json: bool) -> int:
    """`--print` only shows it. Raises Refused."""
    unit = unit_text(words, home, os.environ)
    if show:
        output.put(unit.rstrip())
        return Exit.DONE
    path = unit_path(words.node)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit)
        _keep_secret(secrets_of(home), os.environ)
    except OSError as fault:
        raise Refused(
            f"cannot write the unit: {why(fault)}.", where=str(path), remedy="Check permissions and free space."
        ) from None
    steps = [f"systemctl --user enable --now {path.stem}", "loginctl enable-linger"]
    if as_json:
        output.put_json({"unit": str(path), "next": steps})
        return Exit.DONE
    output.put(str(path))
    output.tell(
        f"Switch it on with `{steps[0]}`;\n`{steps[1]}` lets it run while nobody is logged in.\n"
        f"The code to pair it: `stablenew agent status`, or `journalctl --user -u {path.stem}`."
    )
    return Exit.DONE


def unit_path(node: str) -> "Path":
    from pathlib import Path

    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", node)
    return Path(folder) / "systemd" / "user" / f"stablenew-agent-{plain}.service"


def secrets_of(home: "Path") -> "Path":
    """`NAME=VALUE` lines that nobody else may read."""
    return home / "environment"


def unit_text(words: Words, home: "Path", env: Mapping[str, str]) -> str:
    from tui.link.endpoint import absolute

    settled = absolute(env)
    kept = [name for name in ("STABLENEW_HOME", "CUDA_VISIBLE_DEVICES") if settled.get(name)]
    environment = "".join(f'Environment="{_escaped(_inner(f"{name}={settled[name]}"))}"\n' for name in kept)
    command = [_program(), "agent", "run", *words.run]
    return UNIT.format(
        node=_escaped(words.node), command=" ".join(map(_quoted, command)), environment=environment,
        locked=int(Exit.LOCKED), secrets=_escaped(str(secrets_of(home))),
    )  # fmt: skip


def _program() -> str:
    from pathlib import Path
    from shutil import which

    own = Path(sys.executable).parent / "stablenew"
    return str(own) if own.exists() else which("stablenew") or str(Path.home() / ".local/bin/stablenew")


def _keep_secret(path: "Path", env: Mapping[str, str]) -> None:
    """What a server asks for does not stand in a unit, which every program here can read."""
    if not (auth := env.get(AUTH)):
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        escaped = auth.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
        file.write(f'{AUTH}="{escaped}"\n')


def _quoted(word: str) -> str:
    """As systemd reads one word of a command line: `$` and `%` would be replaced."""
    plain = _escaped(word).replace("$", "$$")
    return plain if re.fullmatch(r"[A-Za-z0-9_./:=,@%-]+", plain) else f'"{_inner(plain)}"'


def _inner(text: str) -> str:
    """Between double quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
