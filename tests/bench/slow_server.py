"""A WebUI that takes as long as it is told to, as a process of its own, with the moments at which it was at work.

    python tests/bench/slow_server.py SECONDS

Prints its address. When its standard input closes it prints `[[began, ended], ...]`, one for every picture, in
seconds of the machine's monotonic clock, and ends.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

STEPS = 5


class Server:
    """The process, from outside."""

    def __init__(self, process: Popen[bytes]) -> None:
        assert process.stdout is not None
        self._process = process
        self.url = process.stdout.readline().decode().strip()

    def stop(self) -> list[tuple[float, float]]:
        """When it was at work."""
        told, _ = self._process.communicate()
        return [(began, ended) for began, ended in json.loads(told)]


@contextmanager
def slow_server(seconds: float) -> Iterator[Server]:
    process = Popen([sys.executable, __file__, f"{seconds:g}"], stdin=PIPE, stdout=PIPE)
    try:
        yield Server(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))
    import webui_fake
    from webui_engine import Engine

    worked: list[tuple[float, float]] = []

    class Timed(webui_fake.FakeWebui):
        def answer(self, method: str, path: str, body: Any, whole: str) -> object:
            if not path.endswith("/txt2img"):
                return super().answer(method, path, body, whole)
            began = time.monotonic()
            try:
                return super().answer(method, path, body, whole)
            finally:
                worked.append((began, time.monotonic()))
                del self.seen[:]
                del self.engine.ended[:]

    webui_fake.FakeWebui = Timed  # type: ignore[misc]
    with webui_fake.fake_webui(Engine(step_s=float(sys.argv[1]) / STEPS)) as server:
        print(server.url, flush=True)
        sys.stdin.read()
    print(json.dumps(worked), flush=True)


if __name__ == "__main__":
    main()
