"""Pictures from elsewhere, and pictures that went there. Whether they are known already is looked up by the edges."""

from schema import commands as c
from schema import events as e
from schema.errors import Refused

FAVOURITE = "favourite"
"""The tag."""

Noted = c.ImportPictures | c.NotePosts | c.NoteFavourites


def noted(command: Noted) -> list[e.Event]:
    match command:
        case c.ImportPictures(pictures=()):
            return []
        case c.ImportPictures(run=run, spec=spec, pictures=pictures):
            if any(picture.run != run for picture in pictures) or spec.jobs != len(pictures):
                raise Refused("An import names pictures that are not of its run.")
            return [e.PicturesImported(run=run, spec=spec), *pictures]
        case c.NotePosts(gallery=gallery, entries=entries):
            return [e.ImagePosted(image=image, gallery=gallery, entry=entry) for image, entry in entries.items()]
        case c.NoteFavourites(gallery=gallery, by_stars=by_stars, favours=favours):
            return [event for favour in favours for event in _agreed(favour, gallery, by_stars)]


def _agreed(favour: c.Favour, gallery: str, by_stars: int) -> list[e.Event]:
    """What changes here comes first; then that both sides agree."""
    image, favourite = favour.image, favour.favourite
    events: list[e.Event] = []
    if favour.taken and by_stars:
        stars = max(by_stars, favour.stars) if favourite else 0
        if stars != favour.stars and (favourite or favour.stars >= by_stars):
            events.append(e.ImageRated(image=image, stars=stars, was=favour.stars))
    elif favour.taken and favourite != (FAVOURITE in favour.tags):
        change = (FAVOURITE,)
        events.append(
            e.ImageTagged(image=image, added=change) if favourite else e.ImageTagged(image=image, removed=change)
        )
    return [*events, e.FavouriteSynced(image=image, gallery=gallery, favourite=favourite)]
