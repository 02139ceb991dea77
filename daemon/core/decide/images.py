"""Verdicts on pictures. What they were before is looked up by the edges; nothing of it is live state."""

from schema import commands as c
from schema import events as e
from schema.errors import Refused

MOST_STARS = 5
Verdict = c.RateImages | c.TagImages | c.CompareImages | c.TrashImages | c.RestoreImages


def judge(command: Verdict) -> list[e.Event]:
    match command:
        case c.RateImages(ratings=ratings, images=images, add=add, runs=runs):
            rated = [_rated(rating) for rating in ratings if rating.stars != rating.was]
            wholes = [e.RunRated(run=one.run, stars=one.stars, was=one.was) for one in runs if one.stars != one.was]
            return [*wholes, *rated, *_tagged(images, add, ())]
        case c.TagImages(images=images, add=add, remove=remove):
            return _tagged(images, add, remove)
        case c.CompareImages(better=better, worse=worse, tie=tie):
            if better == worse:
                raise Refused("A picture cannot be better than itself.", remedy="Name two pictures.")
            return [e.ImagesCompared(better=better, worse=worse, tie=tie)]
        case c.TrashImages(images=images):
            return [e.ImageTrashed(image=image) for image in dict.fromkeys(images)]
        case c.RestoreImages(images=images):
            return [e.ImageRestored(image=image) for image in dict.fromkeys(images)]


def _rated(rating: c.Rating) -> e.ImageRated:
    if not 0 <= rating.stars <= MOST_STARS:
        raise Refused(f"{rating.stars} stars cannot be given.", remedy="Give 1 to 5, or 0 to take a rating back.")
    return e.ImageRated(image=rating.image, stars=rating.stars, was=rating.was, whole=rating.whole)


def _tagged(images: tuple[c.Tagging, ...], add: tuple[str, ...], remove: tuple[str, ...]) -> list[e.Event]:
    events: list[e.Event] = []
    for image in images:
        added = tuple(tag for tag in dict.fromkeys(add) if tag not in image.tags)
        removed = tuple(tag for tag in dict.fromkeys(remove) if tag in image.tags)
        if added or removed:
            events.append(e.ImageTagged(image=image.image, added=added, removed=removed))
    return events
