"""The child process that reads files of strangers: `python -P -m daemon.artifacts.foreign.child`.

One JSON line of `Asked` comes in, one of `Told` goes out, until standard input ends; limits as in `confined.py`.
"""

from pathlib import Path

from daemon.artifacts.confined import serve
from daemon.artifacts.foreign.asking import Asked, Told
from daemon.artifacts.foreign.reading import read_bytes
from daemon.artifacts.foreign.requests import understood
from schema.errors import Refused, why
from schema.stages import MAX_MEGAPIXELS


def told(asked: Asked) -> Told:
    try:
        raw = Path(asked.path).read_bytes()
        return Told(found=understood(read_bytes(raw, asked.name, beside=asked.beside)))
    except Refused as refused:
        return Told(sentence=refused.sentence, where=refused.where, remedy=refused.remedy)
    except (MemoryError, RecursionError):
        return Told(sentence="it asks for more memory than reading may take.", where=asked.name, remedy="Leave it.")
    except OSError as fault:
        return Told(sentence=f"cannot be read: {why(fault)}.", where=asked.name, remedy="Try again.")


def main() -> None:
    serve(Asked, told, int(MAX_MEGAPIXELS * 1e6))


if __name__ == "__main__":
    main()
