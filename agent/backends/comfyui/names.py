"""From the names people write to those of this server. What is not there is refused with the nearest that are.

Knows the lists; sends nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

from agent.backends import BackendTrouble
from agent.backends.comfyui.lists import LATENT_UPSCALERS, PIXEL_UPSCALERS, Lists
from schema.dialects import sampling
from schema.names import found, found_sampler, found_scheduler, nearest

SAMPLER = "euler"
SCHEDULER = "normal"
STAND_INS = {"Automatic": "normal", "Uniform": "normal"}
"""WebUI's schedules that ComfyUI has under another meaning of the same thing."""


def known(what: str, name: str, names: Sequence[str]) -> str:
    """As the server spells it. Raises BackendTrouble; `what` is singular: `model`."""
    spelled = found(name, names)
    if spelled is None:
        raise unknown(what, name, names)
    return spelled


def unknown(what: str, name: str, names: Sequence[str]) -> BackendTrouble:
    near = nearest(name, names)
    if not names:
        remedy = f"it has no {what} at all; put one into its models folder and refresh"
    elif near:
        remedy = f"the nearest are {', '.join(near)}"
    else:
        remedy = f"it has {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}"
    return BackendTrouble("bad-request", f"this ComfyUI has no {what} '{name}'; {remedy}")


class Method(NamedTuple):
    """A sampler with its schedule: as the server names them, and as they are recorded."""

    sampler: str
    scheduler: str
    sampler_label: str
    scheduler_label: str


def method(sampler: str | None, scheduler: str | None, lists: Lists) -> Method:
    told = sampling(sampler or SAMPLER, scheduler)
    samplers, schedulers = lists.names("samplers"), lists.names("schedulers")
    own = sampler if sampler in samplers else found_sampler(told.sampler, samplers)
    if own is None:
        raise unknown("sampler", sampler or SAMPLER, lists.samplers())
    asked = told.scheduler or SCHEDULER
    asked = STAND_INS.get(asked, asked)
    schedule = asked if asked in schedulers else found_scheduler(asked, schedulers)
    if schedule is None:
        raise unknown("scheduler", told.scheduler or SCHEDULER, lists.schedulers())
    return Method(own, schedule, sampling(own).sampler, sampling("", schedule).scheduler or schedule)


def upscaler(name: str, lists: Lists, *, latent: bool) -> tuple[str, str]:
    """(`pixel`, `latent` or `model`; the method or the file)."""
    for kind, methods in (("pixel", PIXEL_UPSCALERS), ("latent", LATENT_UPSCALERS)):
        label = next((label for label in methods if label.lower() == name.strip().lower()), None)
        if label is not None and (kind != "latent" or latent):
            return kind, methods[label]
    models = lists.names("upscale_models")
    spelled = found(name, models)
    if spelled is None:
        offered = lists.upscalers() if latent else (*PIXEL_UPSCALERS, *models)
        raise unknown("upscaler", name, offered)
    return "model", spelled
