"""Where the daemon listens, and how one is started: never a guess, always what the daemon itself wrote down.

`STABLENEW_SOCKET` names the socket; without it the daemon's `endpoint.json` does. While the daemon's folder is away or
takes nothing, that cannot be: then the socket lies in the one other place that both know.
"""

import errno
import json
import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from schema.errors import Exit, NoDaemon, Refused
from schema.places import Places, places, spare_folder
from tui.link.call import Daemon, Refusal
from tui.link.doc import Doc

if TYPE_CHECKING:
    from subprocess import Popen


PROBE_SECONDS = 1.0
"""To see whether anybody listens."""

START_PATIENCE = 120.0
"""Seconds a start may take: a long log is verified and replayed first."""

LOOK_AGAIN = 0.05
"""Seconds between two looks at a daemon that is starting or stopping."""

SPAWN_AGAIN = 1.0
"""Seconds after which a start that met another daemon's lock is tried again: that one may have been stopping."""

TROUBLED = 10.0
"""Seconds that a starting daemon may be in trouble before the start is given up with what it says."""

UP = ("ready", "read-only")
"""States of a daemon that answers; `read-only` takes no commands but shows everything."""


_STARTED: "list[Popen[bytes]]" = []
"""Kept, because Python warns of a child that is forgotten while it runs; these are meant to outlive us."""


class NotStarted(Refused):
    """The daemon ended instead of getting ready; the sentence is its own, `code` its exit code."""

    def __init__(self, sentence: str, *, where: str = "", remedy: str = "", code: int = Exit.FAILED):
        super().__init__(sentence, where=where, remedy=remedy)
        self.code = code


def socket_of(env: Mapping[str, str]) -> str | None:
    """The socket's path as named, whether or not somebody listens there; None when no daemon has written one down."""
    if named := env.get("STABLENEW_SOCKET"):
        return str(Path(named).absolute())
    where = places(env)
    spare = spare_folder(where.state) / "s"
    try:
        written = json.loads(where.endpoint.read_bytes())
    except (OSError, ValueError):
        return str(spare) if _is_ours(spare) and _answers(spare) else None
    path = Doc(written if isinstance(written, dict) else {}).text("socket") or None
    if path != str(spare) and _is_ours(spare) and not (path and _answers(Path(path))) and _answers(spare):
        return str(spare)
    return path


def _is_ours(path: Path) -> bool:
    """Whether there is a socket in a folder that nobody else could have made or written to."""
    try:
        folder = path.parent.lstat()
        return (
            stat.S_ISDIR(folder.st_mode)
            and folder.st_uid == os.geteuid()
            and not folder.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            and path.is_socket()
        )
    except OSError:
        return False


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PROBE_SECONDS)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def reach(env: Mapping[str, str]) -> Daemon:
    """The daemon that a verb asks; nobody has been asked yet. Raises NoDaemon where none has left its endpoint."""
    path = socket_of(env)
    if path is None:
        raise NoDaemon("No daemon runs.")
    return Daemon(path)


class Seen(NamedTuple):
    """What a look at the daemon tells."""

    state: str
    """`ready`, `starting`, `read-only` or `stopping` as the daemon says, or empty when none answers."""
    trouble: str = ""
    """Its own sentence on what keeps it from getting ready."""


def look(env: Mapping[str, str]) -> Seen:
    try:
        status = reach(env).get("/v1/status")
    except Refusal as refusal:
        return Seen("starting" if refusal.status == 503 else "ready")
    except NoDaemon:
        return Seen("")
    return Seen(status.text("state", "ready"), status.text("trouble"))


def state_of(env: Mapping[str, str]) -> str:
    return look(env).state


def ensure(env: Mapping[str, str], tell: Callable[[str], None] = lambda sentence: None) -> Daemon:
    """A daemon that is ready; starts one where none runs. Raises NotStarted when it cannot.

    Of two that start at once one gets the lock; the other's child ends with `LOCKED`, and both wait for that daemon.
    """
    seen = look(env)
    if seen.state in UP:
        return reach(env)
    deadline = time.monotonic() + START_PATIENCE
    child: Popen[bytes] | None = None
    begun, again_at, well_at = 0, 0.0, time.monotonic()
    with _output(places(env)) as output:
        while (now := time.monotonic()) < deadline:
            if seen.state in UP:
                return reach(env)
            if not (seen.state == "starting" and seen.trouble):
                well_at = now
            elif now - well_at >= TROUBLED:
                raise NotStarted(seen.trouble, where="the daemon runs but is not ready", remedy=_see_logs(env))
            ended = child.poll() if child is not None else None
            if ended is not None and ended != Exit.LOCKED:
                raise _not_started(output, begun, ended)
            if seen.state == "" and (child is None or ended is not None) and now >= again_at:
                tell("Starting the daemon.")
                begun, again_at = output.seek(0, os.SEEK_END), now + SPAWN_AGAIN
                child = _spawn(env, output)
            time.sleep(LOOK_AGAIN)
            seen = look(env)
        if child is not None and child.poll() == Exit.LOCKED:
            raise _not_started(output, begun, Exit.LOCKED)
    raise NotStarted(f"the daemon was not ready after {START_PATIENCE:.0f} s", remedy=_see_logs(env))


def _see_logs(env: Mapping[str, str]) -> str:
    return f"The logs in {places(env).logs} say more; `stablenew daemon stop` ends it."


def wait_gone(env: Mapping[str, str], pid: int, patience: float = START_PATIENCE) -> bool:
    """Waits until the process is gone and its socket silent. False: it still runs."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not (_is_running(pid) or state_of(env)):
            return True
        time.sleep(LOOK_AGAIN)
    return False


def end(env: Mapping[str, str]) -> int:
    """Ends the daemon and returns its pid once it is gone. Raises NoDaemon where none runs."""
    daemon = reach(env)
    pid = daemon.get("/v1/status").whole("pid")
    daemon.post("/v1/daemon/stop")
    if not wait_gone(env, pid):
        raise Refused(f"the daemon (pid {pid}) still runs.", remedy="Its log says what it waits for.")
    return pid


def restart(env: Mapping[str, str]) -> Daemon:
    """Another daemon than the one that runs, if one does. Raises NotStarted, or Refused where it does not end."""
    with suppress(NoDaemon):
        end(env)
    return ensure(env)


def daemon_command(*words: str) -> list[str]:
    """How the daemon's program is called; `-P` so that a folder named `daemon` in the way does no harm."""
    return [sys.executable, "-P", "-m", "daemon", *words]


def absolute(env: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child that does not share our working folder."""
    settled = dict(env)
    for name in ("STABLENEW_HOME", "STABLENEW_SOCKET"):
        if settled.get(name):
            settled[name] = str(Path(settled[name]).expanduser().absolute())
    return settled


def _output(where: Places) -> BinaryIO:
    """What a detached daemon prints: nothing as a rule, its last sentence when it cannot start.

    Where a disk takes nothing, that is no reason not to start one: it shows what there is.
    """
    try:
        where.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.statvfs(where.state).f_bavail:
            return _elsewhere()
        where.logs.mkdir(mode=0o700, exist_ok=True)
        return (where.logs / "daemon.out").open("a+b")
    except OSError as fault:
        if fault.errno in (errno.EROFS, errno.ENOSPC, errno.EDQUOT) and where.lock.exists():
            return _elsewhere()
        raise NotStarted(
            f"cannot write here: {fault.strerror}", where=str(where.logs), code=Exit.REFUSED,
            remedy="Make it writable, or set STABLENEW_HOME to a folder that is.",
        ) from None  # fmt: skip


def _elsewhere() -> BinaryIO:
    import tempfile

    return tempfile.TemporaryFile("a+b")


def _spawn(env: Mapping[str, str], output: BinaryIO) -> "Popen[bytes]":
    from subprocess import DEVNULL, Popen

    child = Popen(
        daemon_command("run"),
        stdin=DEVNULL, stdout=output, stderr=output,
        start_new_session=True, cwd="/", env=absolute(env),
    )  # fmt: skip
    _STARTED.append(child)
    return child


def _not_started(output: BinaryIO, begun: int, code: int) -> NotStarted:
    """With the last line the daemon printed since `begun`, or where to look when it printed nothing."""
    output.seek(begun)
    told = output.read().decode(errors="replace")
    if "Traceback (most recent call last)" in told:
        return NotStarted(
            "the daemon ended on a fault of its own", where=output.name, remedy="This file tells where.",
        )  # fmt: skip
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    if not lines:
        return NotStarted(
            f"the daemon ended with status {code} and said nothing",
            where=output.name, remedy="`stablenew daemon run` shows more.", code=Exit.FAILED,
        )  # fmt: skip
    return NotStarted(lines[-1], code=code if code in set(Exit) else Exit.FAILED)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """A daemon that we started and did not wait for is ours to bury; it no longer does anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
