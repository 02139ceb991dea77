"""Verdicts on models: tags, stars, favourites. What was said before is looked up by the edges, as with pictures."""

from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.models import ModelVerdict

MOST_STARS = 5
Verdict = e.ModelTagged | e.ModelRated | e.ModelFavoured


def judge(command: c.JudgeModels) -> list[e.Event]:
    """Nothing for what is so already."""
    stars = command.stars
    if stars is not None and not 0 <= stars <= MOST_STARS:
        raise Refused(f"{stars} stars cannot be given.", remedy="Give 1 to 5, or 0 to take a rating back.")
    events: list[e.Event] = []
    for one in command.models:
        if (tagged := _tagged(one, command)) is not None:
            events.append(tagged)
        if stars is not None and stars != one.stars and not (one.other and stars):
            events.append(e.ModelRated(model=one.model, name=one.name, stars=stars, was=one.stars))
        if command.favourite is not None and command.favourite != bool(one.favourite) and not one.other:
            events.append(e.ModelFavoured(model=one.model, name=one.name, now=command.favourite))
    return events


def taken_back(event: Verdict) -> e.Event:
    match event:
        case e.ModelTagged():
            return e.ModelTagged(model=event.model, name=event.name, added=event.removed, removed=event.added)
        case e.ModelRated():
            return e.ModelRated(model=event.model, name=event.name, stars=event.was, was=event.stars)
        case e.ModelFavoured():
            return e.ModelFavoured(model=event.model, name=event.name, now=not event.now)


def _tagged(one: ModelVerdict, command: c.JudgeModels) -> e.Event | None:
    add = () if one.other else command.add
    added = tuple(tag for tag in dict.fromkeys(add) if tag not in one.tags)
    removed = tuple(tag for tag in dict.fromkeys(command.remove) if tag in one.tags)
    if not added and not removed:
        return None
    return e.ModelTagged(model=one.model, name=one.name, added=added, removed=removed)
