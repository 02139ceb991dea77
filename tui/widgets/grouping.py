"""What pictures that stand beside each other have in common: their run, pack or model. Pure."""

from typing import Literal

from schema.pages import ImageRow

Group = Literal["run", "pack", "model"]
GROUPS: tuple[Group, ...] = ("run", "pack", "model")


def group_of(image: ImageRow, by: Group) -> str:
    """Empty where it has none."""
    match by:
        case "run":
            return str(image.run)
        case "pack":
            return image.pack or ""
        case "model":
            return image.model or ""
