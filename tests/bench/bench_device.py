"""What it costs a device that its pictures are made through us, with a WebUI that takes a known time for each.

    python tests/bench/bench_device.py [--rounds N] [--jobs N] [--many N] [--json]

- one stage of a second through agent and backend, from the order to the checked picture, against the same request made
  bare to the same server in the same run;
- how long the server stands idle between two jobs of a queue, through a real daemon with its log on a disk whose syncs
  take 150 us, against a client that sends the next request as soon as it has the last answer;
- the agent's memory after a thousand jobs against after a hundred.
"""

import argparse
import asyncio
import base64
import hashlib
import http.client
import json
import sys
import time
from itertools import pairwise
from urllib.parse import urlsplit

from bench_agent import Client, agent, feed_of, session_of
from measure import Goal, Line, compared, finish, interleaved, rss, scratch, seconds, synced
from running import running
from slow_server import STEPS, slow_server

from schema.stages import Txt2Img

STAGE_SECONDS = 1.0
JOB_SECONDS = 0.1
QUICK = Txt2Img(id="txt2img", width=64, height=64, steps=1)
PICTURE = Txt2Img(id="txt2img", width=512, height=512, steps=STEPS)


def bare(url: str, config: Txt2Img = PICTURE) -> None:
    """The plainest client there is: asks, waits, decodes."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    asked = {
        "prompt": "old lighthouse, sea, clouds", "negative_prompt": "", "seed": 7, "steps": config.steps,
        "width": config.width, "height": config.height, "sampler_name": "DPM++ 2M", "scheduler": "Automatic",
        "cfg_scale": config.cfg,
    }  # fmt: skip
    connection.request("POST", "/sdapi/v1/txt2img", json.dumps(asked), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    hashlib.sha256(base64.b64decode(json.loads(answer.read())["images"][0])).digest()
    connection.close()


def overhead(rounds: int) -> list[Line]:
    with (
        scratch("device") as folder,
        slow_server(STAGE_SECONDS) as server,
        agent(folder, "--backend", f"webui={server.url}") as (socket, _),
        asyncio.Runner() as runner,
    ):
        session = runner.run(session_of(socket))
        feed = runner.run(feed_of(session))
        client = Client(session, feed)

        def through() -> float:
            return runner.run(client.stage(PICTURE))

        def directly() -> float:
            return seconds(lambda: bare(server.url))

        directly()
        through()
        found = interleaved(rounds, {"through": through, "bare": directly})
        runner.run(feed.close())
        runner.run(session.close())
    mine, limit = [1e3 * s for s in found["through"]], [1e3 * s for s in found["bare"]]
    goal = Goal("ratio", most=1.02)
    more = [a - b for a, b in zip(sorted(mine), sorted(limit), strict=True)]
    return [
        compared("a stage of one second through agent and webui", "ms", mine, "the bare request", limit, goal),
        compared("  what it takes longer", "ms", more, "the goal", [30.0] * len(more), Goal("ratio", most=1.0)),
    ]


def gaps(jobs: int) -> list[Line]:
    """Between the end of the server's work at one picture and the beginning of its next."""
    with scratch("gaps") as folder, slow_server(JOB_SECONDS) as server:
        env = {
            **synced(), "STABLENEW_AGENT__WEBUI": server.url, "STABLENEW_AGENT__SKETCH": "false",
            "STABLENEW_DAEMON__SUSPECTS": "keep",  # its pictures are of one colour
        }  # fmt: skip
        with running(folder, env) as daemon:
            stage = {"type": "txt2img", "width": 512, "height": 512, "steps": STEPS}
            asked = {"prompt": "boats", "seed": 1, "count": jobs, "pipeline": {"stages": [stage]}}
            daemon.ask("POST", "/v1/generate", asked)
            deadline = time.monotonic() + 60 + 3 * jobs * JOB_SECONDS
            while daemon.ask("GET", "/v1/jobs?filter=state:finished&limit=1")["total"] != jobs:
                assert time.monotonic() < deadline, "the queue does not end"
                time.sleep(0.2)
        ours = _between(server.stop())
    with slow_server(JOB_SECONDS) as server:
        for _ in range(jobs):
            bare(server.url)
        limit = _between(server.stop())
    what = f"idle time of a server between two of {jobs} jobs"
    return [compared(what, "ms", ours, "a client in a loop", limit[: len(ours)], None)]


def _between(worked: list[tuple[float, float]]) -> list[float]:
    """Milliseconds; the first jobs, which read lists and warm caches, left out."""
    return [1e3 * (began - ended) for (_, ended), (began, _) in pairwise(sorted(worked)[5:])]


def memory(many: int) -> list[Line]:
    with (
        scratch("memory") as folder,
        slow_server(0.0) as server,
        agent(folder, "--backend", f"webui={server.url}", "--backend", "sketch") as (socket, pid),
        asyncio.Runner() as runner,
    ):
        session = runner.run(session_of(socket))
        feed = runner.run(feed_of(session))
        client = Client(session, feed)
        held: dict[int, float] = {}
        for number in range(1, many + 1):
            runner.run(client.stage(QUICK, backend="webui" if number % 2 else "sketch"))
            if number in (many // 10, many):
                held[number] = rss(pid) / 1e6
        runner.run(feed.close())
        runner.run(session.close())
    what = f"memory of an agent after {many} jobs"
    goal = Goal("ratio", most=1.05)
    return [compared(what, "MB", [held[many]], f"after {many // 10}", [held[many // 10]], goal)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    finish([*overhead(asked.rounds), *gaps(asked.jobs), *memory(asked.many)], sys.argv[1:])


if __name__ == "__main__":
    main()
