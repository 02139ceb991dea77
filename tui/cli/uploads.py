"""Pictures that a person names by a path: read here, sent to the daemon, and named by their hash from then on.

`--set img2img.mask=@mask.png`, and `"@mask.png"` within a pipeline file or a JSON value.
"""

import re
from typing import TYPE_CHECKING

from schema.errors import Refused, why
from tui.cli import ask, output

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tui.link.call import Daemon

LARGEST_PICTURE = 64_000_000
"""Bytes of a file that is sent to the daemon."""

_QUOTED = re.compile(
    r"""((?:image|mask)["']?\s*:\s*)(["'])@((?:(?!\2)[^\n\\])+\.(?:png|jpe?g|webp))\2""", re.IGNORECASE
)
"""`image: "@path.png"` and `mask: ...` in JSON or YAML: no other text sends a file."""


def sent(daemon: "Daemon", path: "Path") -> str:
    """The hash of the file's content, which the daemon then has. Raises Refused naming the file."""
    from tui.link.call import Refusal

    try:
        return daemon.put("/v1/blobs", _read(path)).text("sha256")
    except Refusal as refusal:
        raise Refusal(
            refusal.sentence, where=refusal.where or str(path), remedy=refusal.remedy or "Name a picture.",
            code=refusal.code, status=refusal.status,
        ) from None  # fmt: skip


def in_sets(sets: "Iterable[str]") -> list[str]:
    """The assignments, with each picture that one of them names sent."""
    return [_in_set(text) for text in sets]


def in_file(name: str, text: str) -> str:
    """A pipeline's text, with the pictures it names sent; their paths are meant from the file's own folder."""
    from pathlib import Path

    return _QUOTED.sub(lambda found: f'{found[1]}"{_sha(Path(name).parent / found[3])}"', text)


def _in_set(text: str) -> str:
    name, equals, value = text.partition("=")
    if value.startswith("@"):
        from pathlib import Path

        return f"{name}{equals}{_sha(Path(value[1:]).expanduser())}"
    return f"{name}{equals}{in_file('.', value)}" if '"@' in value else text


def _sha(path: "Path") -> str:
    sha = sent(ask.started(), path)
    output.tell(f"Sent {output.clean(str(path))}.")
    return sha


def _read(path: "Path") -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_PICTURE + 1)
    except OSError as fault:
        raise Refused(f"cannot read this file: {why(fault)}.", where=str(path), remedy="Check the path.") from None
    if len(content) > LARGEST_PICTURE:
        raise Refused(f"this is larger than {output.size(LARGEST_PICTURE)}", where=str(path), remedy="Make it smaller.")
    return content
