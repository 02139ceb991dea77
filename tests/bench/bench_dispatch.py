"""From a client's submit until an agent holds the order, durable in between; a minimal agent stands in for the real.

    python tests/bench/bench_dispatch.py [--rounds N] [--json]

Daemon, client and agent are processes; a sync takes 150 us. The limit is what cannot be left out: one HTTP round trip
with the same body to a server that does nothing, and one durable append of the same rows to the same tables by bare
sqlite3. Goal: at most 1.3 of their sum.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from measure import Goal, Line, compared, finish, on_slow_disk, percentile, scratch, seconds
from running import Wire, home_of, request, running

from daemon.log.tables import COLUMNS, WIDTH, reader, writer

BODY = {"prompt": "a quiet harbour at dawn, fishing boats, soft mist over the water", "seed": 7}

REST = 0.03
"""Seconds between rounds: the run before has its manifest by then, and nothing else goes on."""


class Ear:
    """Hears what the standing-in agent is told."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ear"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(30)

    def order(self) -> int:
        """Nanoseconds of `perf_counter` when the next order came."""
        while not (said := self._socket.recv(200)).startswith(b"order"):
            pass
        return int(said.split()[2])

    def free(self) -> None:
        """Returns when the daemon has told the agent to forget its attempt: all is at rest then."""
        while self._socket.recv(200) != b"free":
            pass


def stand_in(folder: Path) -> Path:
    """A folder that holds a package `agent` which is the order taker."""
    package = folder / "path" / "agent"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(Path(__file__).with_name("order_taker.py"), package / "__main__.py")
    return package.parent


@contextmanager
def echoing(folder: Path) -> Iterator[tuple[Path, int]]:
    """Its socket and its process."""
    path = folder / "echo.sock"
    words = [sys.executable, str(Path(__file__).with_name("echo.py")), str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None and server.stdin is not None
        server.stdout.readline()
        yield path, server.pid
        server.terminate()


class Bare:
    """The same rows, by sqlite3 alone."""

    def __init__(self, folder: Path, log: Path) -> None:
        with closing(reader(log)) as db:
            found = db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq").fetchall()
        types = [row[5] for row in found]
        at = types.index("RunSubmitted")
        self.rows = found[at : at + 3]  # the run, its job, its assignment
        assert [row[5] for row in self.rows] == ["RunSubmitted", "JobSubmitted", "StageAssigned"], types
        self._db = writer(folder / "bare.db")
        self._insert = f"INSERT INTO events({COLUMNS}) VALUES({','.join('?' * WIDTH)})"
        self._turn = 0

    def append(self) -> None:
        self._turn += 1
        first = 3 * (self._turn - 1)
        rows = [
            (first + n, *row[1:3], f"{row[3]}-{self._turn}", *row[4:9], f"{row[9]}-{self._turn}", *row[10:])
            for n, row in enumerate(self.rows, 1)
        ]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(self._insert, rows)
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()


def measure(folder: Path, rounds: int) -> list[Line]:
    ear = Ear(folder)
    path = os.pathsep.join(filter(None, (str(stand_in(folder)), os.environ.get("PYTHONPATH"))))
    env = {"PYTHONPATH": path, "BENCH_EAR": str(ear.path)}
    asked = request("POST", "/v1/runs", BODY)
    looked = request("GET", "/v1/status")
    with running(folder / "home", env) as daemon, echoing(folder) as (echo, _):
        wire, other = daemon.wire(), Wire(echo)

        def submit() -> tuple[float, float]:
            began = time.perf_counter_ns()
            status, _ = wire.ask(asked)
            answered = time.perf_counter_ns()
            assert status == 201
            came = ear.order()
            ear.free()
            return (came - began) / 1e9, (answered - began) / 1e9

        for _ in range(5):
            submit()
        bare = Bare(folder, home_of(folder / "home").log)
        dispatched, answered, ping, append, look = ([], [], [], [], [])  # type: tuple[list[float], ...]
        for _ in range(rounds):
            time.sleep(REST)
            ping.append(seconds(lambda: other.ask(asked)))
            append.append(seconds(bare.append))
            took = submit()
            dispatched.append(took[0])
            answered.append(took[1])
            look.append(seconds(lambda: wire.ask(looked)))
        bare.close()
        wire.close()
        other.close()
    return told(dispatched, answered, ping, append, look)


def told(
    dispatched: list[float], answered: list[float], ping: list[float], append: list[float], look: list[float]
) -> list[Line]:
    def ms(values: list[float]) -> list[float]:
        return [value * 1e3 for value in values]

    limit = [one + other for one, other in zip(ping, append, strict=True)]
    peer = "HTTP ping + raw durable append"
    late = percentile(dispatched, 0.99)
    return [
        compared("submit -> agent has the order, p50", "ms", ms(dispatched), peer, ms(limit), Goal("ratio", most=1.3)),
        Line(what="submit -> agent has the order, p99", value=late * 1e3, unit="ms", peer=peer,
             against=percentile(limit, 0.99) * 1e3, ratio=late / percentile(limit, 0.99)),
        compared("submit -> answered, p50", "ms", ms(answered), peer, ms(limit), None),
        compared("GET /v1/status, p50", "ms", ms(look), "HTTP ping", ms(ping), None),
        Line(what="raw durable append of three rows, p50", value=statistics.median(append) * 1e3, unit="ms"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    on_slow_disk()
    with scratch("dispatch") as folder:
        finish(measure(folder, args.rounds), sys.argv)


if __name__ == "__main__":
    main()
