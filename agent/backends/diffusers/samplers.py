"""WebUI's samplers and schedules as diffusers' scheduler classes and their options. Pure: no torch.

The classes follow diffusers' own table (`docs/source/en/api/schedulers/overview.md`); what Automatic means follows
WebUI (`modules/sd_samplers_kdiffusion.py`: `scheduler` of each sampler's options).
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from agent.backends import BackendTrouble
from schema.dialects import sampling
from schema.names import nearest

Option = str | int | bool


class Recipe(NamedTuple):
    """How a scheduler is made from the model's own: `CLASS.from_config(own, **options)`."""

    sampler: str
    scheduler: str
    """As WebUI's labels; never Automatic where that stands for another."""
    name: str
    """Class in `diffusers`; empty: the model's own scheduler as it is."""
    options: Mapping[str, Option] = {}


class _Kind(NamedTuple):
    name: str
    options: Mapping[str, Option] = {}
    usual: str = "Automatic"
    """What Automatic stands for."""
    sigmas: bool = False
    """It takes Karras, Exponential and Beta."""
    spacing: bool = True
    """It can be told where its steps lie; else they lie as Normal says."""


_PLUS: Mapping[str, Option] = {"algorithm_type": "dpmsolver++", "solver_order": 2}
_SDE: Mapping[str, Option] = {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}

_BH1: Mapping[str, Option] = {"solver_type": "bh1", "final_sigmas_type": "sigma_min"}
"""Its last step divides by infinity where the noise ends at nothing."""

_KINDS: Mapping[str, _Kind] = {
    "Euler": _Kind("EulerDiscreteScheduler", sigmas=True),
    "Euler a": _Kind("EulerAncestralDiscreteScheduler"),
    "Heun": _Kind("HeunDiscreteScheduler", sigmas=True),
    "LMS": _Kind("LMSDiscreteScheduler", sigmas=True),
    "LCM": _Kind("LCMScheduler"),
    "DPM2": _Kind("KDPM2DiscreteScheduler", usual="Karras", sigmas=True),
    "DPM2 a": _Kind("KDPM2AncestralDiscreteScheduler", usual="Karras", sigmas=True),
    "DPM++ 2M": _Kind("DPMSolverMultistepScheduler", _PLUS, "Karras", True),
    "DPM++ SDE": _Kind("DPMSolverSinglestepScheduler", _SDE, "Karras", True, False),
    "DPM++ 2M SDE": _Kind("DPMSolverMultistepScheduler", _SDE, "Exponential", True),
    "DPM++ 2M SDE Heun": _Kind("DPMSolverMultistepScheduler", {**_SDE, "solver_type": "heun"}, "Exponential", True),
    "DPM++ 3M SDE": _Kind("DPMSolverMultistepScheduler", {**_SDE, "solver_order": 3}, "Exponential", True),
    "DDIM": _Kind("DDIMScheduler"),
    "DDPM": _Kind("DDPMScheduler"),
    "PLMS": _Kind("PNDMScheduler", {"skip_prk_steps": True}),
    "UniPC": _Kind("UniPCMultistepScheduler", _BH1, sigmas=True),
    "UniPC bh2": _Kind("UniPCMultistepScheduler", {"solver_type": "bh2"}, sigmas=True),
    "DEIS": _Kind("DEISMultistepScheduler", sigmas=True),
}

_SIGMAS = {"Karras": "use_karras_sigmas", "Exponential": "use_exponential_sigmas", "Beta": "use_beta_sigmas"}
_SPACING = {
    "Automatic": None, "Normal": "linspace", "Uniform": "leading", "SGM Uniform": "trailing", "Simple": "trailing",
}  # fmt: skip

_NEED_SCIPY = {"LMS", "Beta"}


def samplers() -> tuple[str, ...]:
    return tuple(name for name in _KINDS if _possible(name))


def schedulers() -> tuple[str, ...]:
    return tuple(name for name in (*_SPACING, *_SIGMAS) if _possible(name))


def recipe(sampler: str | None, scheduler: str | None, own: str = "") -> Recipe:
    """What was asked for as what diffusers can do; `own` is the class that the model brings.

    Raises BackendTrouble bad-request, naming what comes near, for what diffusers has not.
    """
    label, schedule = sampling(sampler or label_of(own), scheduler)
    if not sampler and not (scheduler and schedule != "Automatic"):
        return Recipe(label_of(own), "Automatic", "")
    kind = _KINDS.get(label)
    if kind is None or not _possible(label):
        raise _unknown("sampler", label, samplers())
    schedule = schedule if schedule and schedule != "Automatic" else kind.usual
    if schedule not in (*_SPACING, *_SIGMAS) or not _possible(schedule):
        raise _unknown("schedule", schedule, schedulers())
    options = dict(kind.options) | {flag: False for flag in _SIGMAS.values() if kind.sigmas}
    flag, spacing = _SIGMAS.get(schedule), _SPACING.get(schedule)
    if (flag and not kind.sigmas) or (not kind.spacing and spacing not in (None, "linspace")):
        raise BackendTrouble(
            "bad-request",
            f"diffusers has no {label} on the schedule {schedule}; take {', '.join(_schedules(kind))}, "
            "or the sampler DPM++ 2M",
        )
    if flag:
        options[flag] = True
    if kind.spacing and (flag or spacing):
        options["timestep_spacing"] = spacing or "linspace"
    return Recipe(label, schedule, kind.name, options)


def _schedules(kind: _Kind) -> tuple[str, ...]:
    """Those it knows."""
    spacing = (name for name, how in _SPACING.items() if kind.spacing or how in (None, "linspace"))
    return (*spacing, *(_SIGMAS if kind.sigmas else ()))


def label_of(name: str) -> str:
    """WebUI's label of a scheduler class; the class itself where WebUI has none."""
    return next((label for label, kind in _KINDS.items() if kind.name == name), name) or "Euler"


def _possible(name: str) -> bool:
    """LMS and Beta integrate with scipy."""
    return name not in _NEED_SCIPY or find_spec("scipy") is not None


def _unknown(what: str, name: str, names: tuple[str, ...]) -> BackendTrouble:
    near = nearest(name, names) or names[:3]
    return BackendTrouble("bad-request", f"diffusers has no {what} {name!r}; the nearest are {', '.join(near)}")
