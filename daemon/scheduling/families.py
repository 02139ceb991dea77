"""Which family a checkpoint belongs to, by its name: models of one family cost about the same time and memory."""

import re
from functools import lru_cache

_FAMILIES: tuple[tuple[str, str], ...] = (
    ("flux", r"flux|chroma|kontext"),
    ("sd3", r"sd[ _-]?3|stable[ _-]?diffusion[ _-]?3"),
    ("qwen", r"qwen"),
    ("hidream", r"hidream"),
    ("wan", r"wan[ _-]?2"),
    ("sdxl", r"xl|pony|illustrious|noob|animagine"),
    ("sd2", r"sd[ _-]?v?2|v2-[01]|768-v"),
    ("sd15", r"sd[ _-]?v?1|v1-[45]|1[._]5|dreamshaper|deliberate"),
)
"""The first whose pattern is found in the name, lower case and without folders."""

NO_MODEL = "any"
"""Family of stages that name no checkpoint."""


@lru_cache(maxsize=1024)
def family_of(model: str | None) -> str:
    """`sdxl` of `folder/juggernautXL_v9.safetensors`; of a name that tells nothing the name itself, without ending."""
    if not model:
        return NO_MODEL
    name = re.split(r"[/\\]", model)[-1].lower()
    name = re.sub(r"\.(safetensors|ckpt|pt|gguf|bin)$", "", name)
    return next((family for family, pattern in _FAMILIES if re.search(pattern, name)), name)


@lru_cache(maxsize=4096)
def cost_key(kind: str, model: str | None) -> str:
    """What is learned together: `txt2img sdxl`."""
    return f"{kind} {family_of(model)}"
