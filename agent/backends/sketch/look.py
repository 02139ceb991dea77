"""The interrogator: it sees colours, light and how much there is to see, and says no more than that."""

from collections import Counter
from collections.abc import Iterable

from PIL import Image, ImageStat

from agent.backends import BackendTrouble
from agent.backends.sketch.brief import Brief, Outcome
from agent.pictures import edges
from schema.stages import Interrogate

INTERROGATORS = ("colours",)

HUES = ((10, "red"), (29, "orange"), (46, "yellow"), (112, "green"), (134, "teal"), (178, "blue"), (212, "purple"),
        (244, "pink"), (255, "red"))  # fmt: skip
"""Upper ends of hues, 0 to 255."""

SHARE = 0.06
"""Of the picture, from which on a colour is named."""


def interrogate(brief: Brief, config: Interrogate) -> Outcome:
    """Raises BackendTrouble for an interrogator that would have to recognise things."""
    if config.model not in (None, *INTERROGATORS):
        raise BackendTrouble(
            "bad-request",
            f"sketch has no interrogator '{config.model}': it only names {INTERROGATORS[0]}; "
            "a webui or diffusers backend can recognise what is in a picture",
        )
    caption = described(brief.picture())
    brief.tick(1, 1, "looking")
    return Outcome(picture=None, reported={"caption": caption})


def described(picture: Image.Image) -> str:
    """`wide picture, dark, mostly blue with orange and black, rich in detail`."""
    shape = (
        "wide" if picture.width > picture.height * 1.1 else "tall" if picture.height > picture.width * 1.1 else "square"
    )
    grey = picture.convert("L")
    light = ImageStat.Stat(grey).mean[0]
    told = [f"{shape} picture"]
    told += ["dark"] if light < 70 else ["bright"] if light > 180 else []
    first, *others = _colours(picture)
    told.append(f"mostly {first}" + (f" with {' and '.join(others)}" if others else ""))
    detail = ImageStat.Stat(edges(picture)).mean[0]
    told += ["smooth"] if detail < 4 else ["rich in detail"] if detail > 25 else []
    return ", ".join(told)


def _colours(picture: Image.Image) -> list[str]:
    """The most frequent first, three at most."""
    small = picture.resize((48, 48), Image.Resampling.BOX).convert("HSV")
    hues, saturations, values = (channel.tobytes() for channel in small.split())
    names: Iterable[str] = map(_named, hues, saturations, values)
    counted = Counter(names).most_common(3)
    return [name for number, (name, count) in enumerate(counted) if number == 0 or count >= SHARE * 48 * 48]


def _named(hue: int, saturation: int, value: int) -> str:
    if value < 45:
        return "black"
    if saturation < 38:
        return "white" if value > 205 else "grey"
    name = next(name for end, name in HUES if hue <= end)
    return "brown" if name == "orange" and value < 140 else name
