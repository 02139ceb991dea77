"""Samplers and schedules by the names that people know from SD WebUI, and every other program's names for them.

A pipeline, a card and a record write the WebUI's label; a backend translates into its server's own. Unknown
names stay as they are, so that what only one server has can be asked for too. Pure.
"""

from functools import lru_cache
from typing import NamedTuple


class Sampling(NamedTuple):
    sampler: str
    scheduler: str | None
    """None: not said."""


SAMPLERS: dict[str, tuple[str, ...]] = {
    "Euler": ("euler", "k_euler"),
    "Euler a": ("euler_ancestral", "k_euler_a", "euler_a", "k_euler_ancestral"),
    "Euler CFG++": ("euler_cfg_pp",),
    "Heun": ("heun", "k_heun"),
    "Heun++2": ("heunpp2",),
    "LMS": ("lms", "k_lms"),
    "LCM": ("lcm",),
    "DPM2": ("dpm_2", "k_dpm_2"),
    "DPM2 a": ("dpm_2_ancestral", "k_dpm_2_a", "dpm2_a", "k_dpm_2_ancestral"),
    "DPM fast": ("dpm_fast", "k_dpm_fast"),
    "DPM adaptive": ("dpm_adaptive", "k_dpm_ad"),
    "DPM++ 2S a": ("dpmpp_2s_ancestral", "k_dpmpp_2s_a", "dpmpp_2s_a"),
    "DPM++ 2M": ("dpmpp_2m", "k_dpmpp_2m"),
    "DPM++ SDE": ("dpmpp_sde", "k_dpmpp_sde"),
    "DPM++ 2M SDE": ("dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "k_dpmpp_2m_sde"),
    "DPM++ 2M SDE Heun": ("dpmpp_2m_sde_heun",),
    "DPM++ 3M SDE": ("dpmpp_3m_sde", "dpmpp_3m_sde_gpu", "k_dpmpp_3m_sde"),
    "DDIM": ("ddim",),
    "DDIM CFG++": ("ddim_cfg_pp",),
    "DDPM": ("ddpm",),
    "PLMS": ("plms", "pndm"),
    "UniPC": ("uni_pc", "unipc"),
    "UniPC bh2": ("uni_pc_bh2",),
    "DEIS": ("deis",),
    "IPNDM": ("ipndm",),
    "IPNDM V": ("ipndm_v",),
    "Restart": ("restart",),
}
"""Label to its other names."""

SCHEDULERS: dict[str, tuple[str, ...]] = {
    "Automatic": ("automatic", "auto"),
    "Normal": ("normal",),
    "Karras": ("karras",),
    "Exponential": ("exponential",),
    "Polyexponential": ("polyexponential",),
    "SGM Uniform": ("sgm_uniform",),
    "KL Optimal": ("kl_optimal",),
    "Align Your Steps": ("align_your_steps", "ays"),
    "Simple": ("simple",),
    "Uniform": ("uniform",),
    "DDIM": ("ddim", "ddim_uniform"),
    "Beta": ("beta",),
    "Turbo": ("turbo",),
    "Linear Quadratic": ("linear_quadratic",),
}

_SAMPLER = {other.lower(): label for label, others in SAMPLERS.items() for other in (label, *others)}
_SCHEDULER = {other.lower(): label for label, others in SCHEDULERS.items() for other in (label, *others)}
_ENDINGS = sorted(((f"{sep}{other}", label) for other, label in _SCHEDULER.items() for sep in (" ", "_")
                   if other in ("karras", "exponential", "polyexponential", "sgm_uniform", "sgm uniform")),
                  key=lambda pair: -len(pair[0]))  # fmt: skip
"""Only the schedules that were once written behind the sampler."""


@lru_cache(maxsize=4096)
def sampling(sampler: str, scheduler: str | None = None) -> Sampling:
    """Both as labels: `dpmpp_2m_karras` is DPM++ 2M on Karras; what stands in `scheduler` wins over the name's end."""
    label, ending = _SAMPLER.get(sampler.strip().lower()), None
    if label is None:
        label, ending = _parted(sampler.strip())
    told = None if scheduler is None else _SCHEDULER.get(scheduler.strip().lower(), scheduler.strip())
    return Sampling(label, told if told is not None else ending)


def _parted(sampler: str) -> tuple[str, str | None]:
    lower = sampler.lower()
    for ending, schedule in _ENDINGS:
        if lower.endswith(ending):
            head = lower[: -len(ending)]
            if head in _SAMPLER:
                return _SAMPLER[head], schedule
    return sampler, None


SERVERS: dict[str, str] = {
    "forge": "webui", "a1111": "webui", "automatic1111": "webui", "sdwebui": "webui", "reforge": "webui",
    "comfy": "comfyui", "ollama": "llm", "openai": "llm",
}  # fmt: skip
"""Programs, and the kind of backend that drives each."""


def backend_called(name: str) -> str:
    """`webui` of `Forge`; what is no program's name stays as it is."""
    plain = "".join(letter for letter in name.strip().lower() if letter.isalnum())
    return SERVERS.get(plain, plain if plain in SERVERS.values() else name.strip())
