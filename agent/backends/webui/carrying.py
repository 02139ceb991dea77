"""A picture's file as the API takes it: base64, in a format both servers read, upright and opaque."""

import base64
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from agent.pictures import encoded, opened


class Carried(NamedTuple):
    text: str
    size: tuple[int, int]


def carried(path: Path) -> Carried:
    """A plain PNG goes as it is, so that its own text stays in it. Raises BackendTrouble for what is no picture."""
    picture = opened(path)
    content = path.read_bytes() if _is_plain(path) else encoded(picture)
    return Carried(base64.b64encode(content).decode(), picture.size)


def _is_plain(path: Path) -> bool:
    with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as picture:
        return picture.format == "PNG" and picture.mode == "RGB" and not picture.has_transparency_data
