"""`python -P -m agent --loopback --home DIR --socket PATH --node NAME`: the agent as a process."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.app import HomeTaken, Start, die_with_parent, run
from agent.logs import start_logs
from schema.errors import Exit
from schema.settings import SketchSettings


def main(argv: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(argv)
    home: Path = asked.home.absolute()
    start_logs(home.parent / "logs")
    if asked.loopback:
        die_with_parent(asked.socket)
    start = Start(
        home=home,
        socket=asked.socket,
        name=asked.node,
        sketch=SketchSettings(
            step_seconds=asked.sketch_step_seconds,
            load_seconds=asked.sketch_load_seconds,
            vram_gb=asked.sketch_vram_gb,
        ),
        blob_limit_bytes=asked.blob_limit_mb * 2**20,
        floor_bytes=asked.spool_floor_mb * 2**20,
    )
    try:
        asyncio.run(run(start))
    except HomeTaken as taken:
        print(f"{taken}.", file=sys.stderr)
        return Exit.LOCKED
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    sketch = SketchSettings()
    parser = argparse.ArgumentParser(prog="agent", description="Makes the pictures the daemon orders.")
    add = parser.add_argument
    add("--loopback", action="store_true", help="end when standard input closes: the daemon that started it is gone")
    add("--home", type=Path, required=True, help="folder for its spool, blobs and id")
    add("--socket", type=Path, required=True, help="Unix socket to listen on")
    add("--node", required=True, help="name shown to people")
    add("--blob-limit-mb", type=int, default=2048, help="inputs kept for later stages")
    add("--spool-floor-mb", type=int, default=64, help="with less free disk than this it takes no order")
    add("--sketch-step-seconds", type=float, default=sketch.step_seconds, help="slept in every step")
    add("--sketch-load-seconds", type=float, default=sketch.load_seconds, help="slept when the model changes")
    add("--sketch-vram-gb", type=float, default=sketch.vram_gb, help="memory it pretends to have; 0: no limit")
    return parser


if __name__ == "__main__":
    sys.exit(main())
