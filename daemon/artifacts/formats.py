"""The picture formats that are taken, each with what can be done to its bytes. Their first bytes tell which it is."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from daemon.artifacts import exif, jpeg, png, webp

PictureMedia = Literal["image/png", "image/jpeg", "image/webp"]
FilmMedia = Literal["video/mp4", "video/webm"]

FILMS: dict[str, FilmMedia] = {"mp4": "video/mp4", "webm": "video/webm"}
"""Extension to media type."""


class Format(NamedTuple):
    media: PictureMedia
    extension: str
    check: Callable[[bytes], int]
    """Length without what trails the picture. Raises Malformed."""
    splice: Callable[[bytes, Mapping[str, str]], bytes]
    texts: Callable[[bytes], dict[str, str]]


def of(picture: bytes) -> Format | None:
    if picture.startswith(png.MAGIC):
        return PNG
    if picture.startswith(jpeg.MAGIC):
        return JPEG
    return WEBP if webp.is_webp(picture) else None


PNG = Format("image/png", "png", png.check, png.splice, png.texts)
JPEG = Format("image/jpeg", "jpg", jpeg.check, jpeg.splice, lambda picture: exif.texts_of(jpeg.exif_of(picture)))
WEBP = Format("image/webp", "webp", webp.check, webp.splice, lambda picture: exif.texts_of(webp.exif_of(picture)))

EXTENSIONS: dict[str, str] = {
    **{kind.media: kind.extension for kind in (PNG, JPEG, WEBP)},
    **{media: extension for extension, media in FILMS.items()},
}
"""Media type to extension, of all that a stage or a run can make."""
