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


def named(image: ImageRow, by: Group) -> str:
    """As a person calls it: of a run its name, as its results folder has it."""
    name = image.folder.partition(f"-{image.run}-")[2] if by == "run" else ""
    return name or group_of(image, by)
