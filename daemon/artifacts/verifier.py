"""The child process that decodes pictures nobody has verified: `python -P -m daemon.artifacts.verifier PIXELS`.

One JSON line with a path comes in, one JSON line of `Verdict` goes out, until standard input ends. It lives under the
limits of `confined.py`: a picture that attacks its decoder gains nothing. PIXELS is the most a picture may have.
"""

import hashlib
import sys

import msgspec
from PIL import Image, ImageStat, UnidentifiedImageError

from daemon.artifacts.confined import MEMORY, serve

FORMATS = ("PNG", "JPEG", "WEBP")
STRIP = 4 << 20
"""Pixels that are hashed at once."""

EIGHT_BITS = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "LA", "PA", "RGBA", "La", "RGBa")
"""Pillow's modes of at most eight bits per sample."""

FLAT = 1.0
"""Less than one level of 255 is what rounding and JPEG leave of one colour; twenty white pixels on 512x512 black ones
already make 2.
"""

BLACK = 4.0
"""Mean level below which a flat picture is called black."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`fault` is empty for a good picture, else the end of a sentence that says what is wrong with it."""

    fault: str = ""
    width: int = 0
    height: int = 0
    pixels: str = ""
    flat: str = ""
    """`black` or `of one colour`, where there is nothing to see in it."""


def verdict(path: str) -> Verdict:
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if getattr(picture, "n_frames", 1) > 1:
                return Verdict(fault="is an animation; one still picture is wanted")
            picture.load()
            return Verdict(
                width=picture.width,
                height=picture.height,
                pixels=pixel_hash(picture),
                flat=flatness(picture),
            )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Verdict(fault=f"unpacks to more than {(Image.MAX_IMAGE_PIXELS or 0) / 1e6:g} megapixels")
    except MemoryError:
        return Verdict(fault=f"needs more than {MEMORY >> 30} GB of memory to decode")
    except UnidentifiedImageError:
        return Verdict(fault="is no picture that can be decoded")
    except (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError) as fault:
        return Verdict(fault=f"cannot be decoded ({_plain(fault)})")


def pixel_hash(picture: Image.Image) -> str:
    """SHA-256 over `MODE:WxH` and a newline in ASCII, then the decoded samples, row by row from the top.

    MODE is RGBA where the picture has transparency, RGB for everything else of eight bits per sample; deeper
    pictures keep Pillow's own mode. Metadata and compression do not change it.
    """
    mode = picture.mode
    if mode in EIGHT_BITS:
        mode = "RGBA" if picture.has_transparency_data else "RGB"
    seen = hashlib.sha256(f"{mode}:{picture.width}x{picture.height}\n".encode("ascii"))
    rows = max(1, STRIP // picture.width)
    for top in range(0, picture.height, rows):
        strip = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        seen.update((strip if strip.mode == mode else strip.convert(mode)).tobytes())
    return seen.hexdigest()


def flatness(picture: Image.Image) -> str:
    """Whether there is nothing to see: every channel's standard deviation is below `FLAT` of 255."""
    mode = "RGB" if picture.mode in EIGHT_BITS else "L"
    stat = ImageStat.Stat(picture if picture.mode == mode else picture.convert(mode))
    if max(stat.stddev) >= FLAT:
        return ""
    return "black" if max(stat.mean) < BLACK else "of one colour"


def _plain(fault: BaseException) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in str(fault)).split())[:200] or type(fault).__name__


def main() -> None:
    serve(str, verdict, int(sys.argv[1]))


if __name__ == "__main__":
    main()
