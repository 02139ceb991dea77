"""The agent as a process: `python -P -m agent --home DIR --socket PATH --node NAME [--loopback] [--backend ...]`.

Two verbs answer and end: `discover` and `export-comfyui`.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from schema.errors import Exit, Refused


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    match words[:1]:
        case ["discover"]:
            from agent.discover import main as discover

            return discover(words[1:])
        case ["export-comfyui"]:
            from agent.backends.comfyui.export import main as export

            return export(words[1:])
        case _:
            return _serve(words)


def _serve(words: Sequence[str]) -> int:
    from agent.app import run
    from agent.home import HomeTaken, close_to_others
    from agent.logs import start_logs
    from agent.start import read

    try:
        start = read(words, os.environ)
        close_to_others(start.home)
        start_logs(start.home.parent / "logs" if start.loopback else start.home / "logs")
        asyncio.run(run(start))
    except HomeTaken as taken:
        print(f"{taken}.", file=sys.stderr)
        return Exit.LOCKED
    except Refused as refused:
        print(refused.told(), file=sys.stderr)
        return Exit.REFUSED
    return Exit.DONE


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # a thread that still waits for a server must not keep the process
