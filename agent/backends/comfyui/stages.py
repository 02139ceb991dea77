"""One stage as a graph: which builder draws it, and the node that saves what it makes. Pure but for `bring`."""

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageChops

from agent.backends import BackendTrouble
from agent.backends.comfyui.desk import Canvas, Desk, content_of
from agent.backends.comfyui.detail import detail
from agent.backends.comfyui.graph import Link
from agent.backends.comfyui.inpaint import inpaint
from agent.backends.comfyui.sampling import img2img, refiner, txt2img
from agent.backends.comfyui.upscale import face_restore, upscale
from agent.pictures import encoded, opened, opened_mask, seen
from agent.pictures.masks import mask_of
from schema.stages import Detail, FaceRestore, ImageStage, Img2Img, Refiner, Txt2Img, Upscale, WordStage


def drawn(desk: Desk, config: ImageStage | WordStage, source: Canvas | None) -> Canvas:
    """The stage without a mask. Raises BackendTrouble for what ComfyUI cannot do."""
    if isinstance(config, Txt2Img):
        return txt2img(desk, config)
    if source is None:
        raise BackendTrouble("bad-request", f"{config.type} needs a picture and the order names none")
    match config:
        case Img2Img():
            return img2img(desk, config, source)
        case Refiner():
            return refiner(desk, config, source)
        case Detail():
            return detail(desk, config, source)
        case Upscale():
            return upscale(desk, config, source)
        case FaceRestore():
            return face_restore(desk, config, source)
        case _:
            raise BackendTrouble("bad-request", f"ComfyUI does not run {config.type}")


def masked(desk: Desk, config: Img2Img, path: Path, mask_file: Path | None) -> Canvas:
    """img2img inside its mask; what a detector found is in `mask_file` already."""
    picture = opened(path)
    mask = mask_of(config, picture.size, mask_file)
    assert mask is not None, "only for a stage with a mask"
    return inpaint(desk, config, picture, mask)


def saved(desk: Desk, canvas: Canvas, prefix: str) -> Link:
    return desk.add("SaveImage", "save", images=canvas.image, filename_prefix=prefix)


def loaded(desk: Desk, path: Path, word: str = "picture") -> Canvas:
    """A picture of this disk within the graph."""
    content = upright(path)
    return Canvas(desk.load(content, word), seen(content, path.name).size)


def control_pictures(desk: Desk, controls: Mapping[str, Path]) -> dict[str, Canvas]:
    return {sha: loaded(desk, path, "control") for sha, path in controls.items()}


def upright(path: Path) -> bytes:
    """The file as it is; one that ComfyUI would read otherwise than we do (see-through, turned) is made anew."""
    content = content_of(path)
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as picture:
            turned = picture.getexif().get(0x0112, 1) != 1
            clear = picture.has_transparency_data or picture.mode.startswith("I")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BackendTrouble("bad-request", f"input {path.name} is no picture that can be read") from None
    return encoded(opened(path)) if turned or clear else content


def joined(found: bytes, mask_file: Path | None, folder: Path, name: str) -> Path:
    """What a detector found and a mask's file together, as a file for `masked`."""
    at = folder / name
    at.write_bytes(found)
    if mask_file is not None:
        one, other = opened_mask(at), opened_mask(mask_file)
        if one.size != other.size:
            raise BackendTrouble(
                "bad-request",
                f"the mask has {other.width}x{other.height} and the picture {one.width}x{one.height}; "
                "give one of the same size",
            )
        at.write_bytes(encoded(ImageChops.lighter(one, other)))
    return at
