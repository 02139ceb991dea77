"""What a model is made for, in one spelling: `sdxl`, `sd1`, `flux` from anybody's words, or from the tensors. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache

_BASES: tuple[tuple[str, str], ...] = (
    ("pony", r"pony"),
    ("illustrious", r"illustrious"),
    ("noobai", r"noob"),
    ("flux", r"flux|chroma|kontext"),
    ("sd3", r"sd[ _.-]?v?3|stable[ _-]?diffusion[ _-]?(v[ _-]?)?3"),
    ("sdxl", r"xl"),
    ("sd2", r"sd[ _.-]?v?2|stable[ _-]?diffusion[ _-]?(v[ _-]?)?2|768-v"),
    ("sd1", r"sd[ _.-]?v?1|stable[ _-]?diffusion[ _-]?(v[ _-]?)?1|^1\.[45]"),
    ("qwen", r"qwen"),
    ("hidream", r"hidream"),
    ("wan", r"\bwan\b"),
    ("hunyuan", r"hunyuan"),
)
"""The first whose pattern is found."""

_OF = {"pony": "sdxl", "illustrious": "sdxl", "noobai": "sdxl", "sd15": "sd1"}


@lru_cache(maxsize=4096)
def base_of(text: str) -> str:
    """`SDXL 1.0`, `sdxl_base_v1-0` and `stable-diffusion-xl-v1-base/lora` are `sdxl`; of the unknown its own words."""
    low = text.strip().lower()
    if low in ("", "other", "unknown", "none"):
        return ""
    return known_base(low) or low[:40]


def known_base(text: str) -> str:
    """As `base_of`, of any name: empty where it speaks of none that is known."""
    low = text.lower()
    return next((base for base, pattern in _BASES if re.search(pattern, low)), "")


def kin(base: str) -> str:
    """What it goes together with: LoRAs for Pony go with SDXL checkpoints."""
    return _OF.get(base, base)


def list_of(tensors: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> str:
    """Which list a file belongs to whose folder does not say it; empty: nobody can tell."""
    architecture = metadata.get("modelspec.architecture", "").lower()
    if "lora" in architecture or "ss_network_module" in metadata or any(map(_of_lora, tensors)):
        return "loras"
    if "textual-inversion" in architecture or {"emb_params", "clip_g", "clip_l"} & tensors.keys():
        return "embeddings"
    if "controlnet" in architecture or any(name.startswith(("control_model.", "controlnet_cond")) for name in tensors):
        return "controls"
    if any(name.startswith(("model.diffusion_model.", "double_blocks.", "joint_blocks.")) for name in tensors):
        return "models"
    if any(name.startswith(("first_stage_model.", "decoder.", "encoder.conv_in")) for name in tensors):
        return "vaes"
    return ""


def base_in(tensors: Mapping[str, tuple[int, ...]]) -> str:
    """By the shapes of cross attention and the text encoders that a LoRA or a checkpoint speaks of."""
    for name, shape in tensors.items():
        if "double_blocks" in name:
            return "flux"
        if "joint_blocks" in name:
            return "sd3"
        if name.startswith(("lora_te2_", "conditioner.embedders.1")):
            return "sdxl"
        if name.endswith("attn2.to_k.weight") or ("attn2_to_k" in name and name.endswith("lora_down.weight")):
            found = {768: "sd1", 1024: "sd2", 2048: "sdxl"}.get(shape[-1] if shape else 0)
            if found:
                return found
    return ""


def _of_lora(name: str) -> bool:
    return name.startswith(("lora_unet_", "lora_te", "lora_transformer_")) or ".lora_A." in name or ".lora_down" in name
