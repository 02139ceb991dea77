"""Picture files as frames of one size."""

import io
from pathlib import Path

from PIL import Image

from daemon.artifacts import formats
from daemon.artifacts.ffmpeg import BadFrames
from daemon.artifacts.png import Malformed
from daemon.artifacts.verifier import FORMATS
from schema.stages import MAX_MEGAPIXELS

Image.MAX_IMAGE_PIXELS = int(MAX_MEGAPIXELS * 1e6)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height in pixels. Raises BadFrames."""
    try:
        with _open(path) as picture:
            return picture.size
    except (OSError, SyntaxError, ValueError, Malformed) as fault:
        raise _unreadable(path, fault) from fault


def fitted(path: Path, width: int, height: int) -> bytes:
    """RGB bytes of width x height: the picture as large as it fits; transparency and the rest black.

    Raises BadFrames.
    """
    try:
        with _open(path) as picture:
            frame = _opaque(picture)
    except (OSError, SyntaxError, ValueError, Malformed) as fault:
        raise _unreadable(path, fault) from fault
    if frame.size == (width, height):
        return frame.tobytes()
    scale = min(width / frame.width, height / frame.height)
    size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    frame = frame.resize(size, Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (width, height))
    canvas.paste(frame, ((width - frame.width) // 2, (height - frame.height) // 2))
    return canvas.tobytes()


def _open(path: Path) -> Image.Image:
    """Opened only after its structure and its size were checked. Raises Malformed."""
    raw = path.read_bytes()
    kind = formats.of(raw)
    if kind is None:
        raise Malformed("is neither PNG, JPEG nor WebP")
    kind.check(raw)
    return Image.open(io.BytesIO(raw), formats=FORMATS)


def _opaque(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    canvas = Image.new("RGBA", picture.size, "black")
    canvas.alpha_composite(picture.convert("RGBA"))
    return canvas.convert("RGB")


def _unreadable(path: Path, fault: Exception) -> BadFrames:
    why = "it is no whole PNG, JPEG or WebP picture"
    if isinstance(fault, FileNotFoundError):
        why = "there is no such file"
    elif isinstance(fault, Malformed):
        why = f"it {fault}"
    elif isinstance(fault, PermissionError):
        why = "you may not read it"
    return BadFrames(f"the frame {path.name} cannot be read: {why}.", remedy="Leave it out, or replace it.")
