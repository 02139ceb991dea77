"""Face restorers of spandrel's: every face found, brought to the model's size, restored and put back softly."""

from PIL import Image

from agent.backends.diffusers.folder import Entry
from agent.backends.diffusers.inside.brief import Brief, Outcome
from agent.backends.diffusers.inside.enlarge import pixels_through
from agent.pictures.masks import Box, blurred
from schema.stages import FaceRestore

SIDE = 512
"""Pixels of the square that GFPGAN and RestoreFormer were trained on."""

MARGIN = 0.4
"""Part of a found face that is taken along at each side: hair and chin."""

CONFIDENCE = 0.3
FACES = ("face", "person")
"""Labels that count; a detector that knows neither counts with all it finds."""


def face_restore(brief: Brief, config: FaceRestore) -> Outcome:
    entry = brief.folder.entry("restorers", config.restorer, "face restorer")
    detector = brief.folder.entry("detectors", brief.folder.names("detectors")[0], "detector")
    brief.used |= {"restorer": entry.name, "fidelity": None}

    def made(picture: Image.Image, seed: int, number: str) -> Image.Image:
        eye = brief.models.detector(detector, brief.teller)
        known = {label.lower() for label in eye.labels.values()}
        wanted = set(FACES) & known or known
        faces = [f.box for f in eye.find(picture, CONFIDENCE) if f.label.lower() in wanted]
        brief.reported["faces"] = int(brief.reported.get("faces") or 0) + len(faces)
        for place, box in enumerate(faces):
            brief.teller.step(place, len(faces), f"restoring{number}")
            picture = _put_back(brief, entry, config, picture, _square(box, picture.size))
        brief.teller.step(max(1, len(faces)), max(1, len(faces)), f"restoring{number}")
        return picture

    return brief.each(config.type, made)


def restored(brief: Brief, entry: Entry, face: Image.Image) -> Image.Image:
    """Of the size it came in. None of spandrel's own restorers can be told a fidelity; CodeFormer could."""
    model = brief.models.enlarger(entry, brief.teller)
    large = face.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return pixels_through(model.run, large).resize(face.size, Image.Resampling.LANCZOS)


def _put_back(brief: Brief, entry: Entry, config: FaceRestore, picture: Image.Image, box: Box) -> Image.Image:
    face = picture.crop(box)
    better = Image.blend(face, restored(brief, entry, face), config.strength)
    edge = max(2, (box.right - box.left) // 16)
    soft = Image.new("L", face.size)
    soft.paste(255, (edge, edge, max(edge + 1, face.width - edge), max(edge + 1, face.height - edge)))
    whole = picture.copy()
    whole.paste(better, box[:2], blurred(soft, edge // 2))
    return whole


def _square(box: Box, size: tuple[int, int]) -> Box:
    side = round(max(box.right - box.left, box.bottom - box.top) * (1 + 2 * MARGIN))
    side = max(1, min(side, *size))
    left = min(max(0, (box.left + box.right - side) // 2), size[0] - side)
    top = min(max(0, (box.top + box.bottom - side) // 2), size[1] - side)
    return Box(left, top, left + side, top + side)
