"""Loads the program once, then lives one life per request in a fork of itself: for many lives in little time.

A request is a JSON line: where, which call fails how, which fault is planted. An answer is one, too: what the life
told before it ended, how it ended, how many calls it made. The shim must be preloaded.
"""

import asyncio
import ctypes
import json
import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import planted
from scenario import Life, make

ENDED_BY_THE_LOG = 74
"""As the daemon ends, with what it was told on disk."""

ENDED_OTHERWISE = 1


def main(shim: str) -> None:
    fire = ctypes.CDLL(shim)
    for line in sys.stdin:
        wanted = json.loads(line)
        told, telling = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(told)
            _one_life(fire, wanted, telling)
        os.close(telling)
        with os.fdopen(told) as pipe:
            notes = pipe.read().splitlines()
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"code": code, "notes": notes}), flush=True)


def _one_life(fire: ctypes.CDLL, wanted: dict[str, object], telling: int) -> None:
    folder = Path(str(wanted["folder"]))

    def tell(note: str) -> None:
        fire.fire_note(note.encode())
        os.write(telling, f"{note}\n".encode())

    def end(code: int) -> None:
        os.write(telling, f"count {fire.fire_count()}\n".encode())
        os._exit(code)

    if not folder.exists():
        make(folder)
    if (record := wanted.get("record")) is not None:
        fire.fire_record(os.open(str(record), os.O_WRONLY | os.O_CREAT, 0o600))
    fire.fire_arm(str(folder).encode(), int(str(wanted.get("at", 0))), int(str(wanted.get("mode", 0))))
    wrap = planted.plant(str(wanted.get("fault", "")))
    life = Life(folder, tell, lambda fault: end(ENDED_BY_THE_LOG), wrap)
    try:
        asyncio.run(life.live())
    except BaseException:
        os.write(telling, ("raised " + traceback.format_exc().replace("\n", " | ")[-3000:] + "\n").encode())
        end(ENDED_OTHERWISE)
    end(0)


if __name__ == "__main__":
    main(sys.argv[1])
