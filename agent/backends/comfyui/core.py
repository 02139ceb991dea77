"""ComfyUI's own nodes that our graphs are made of, as the editor lays them out: inputs in order, and outputs.

Held here so that a workflow can be written without a server; the tests compare it with a live server's object_info.
"""

from collections.abc import Mapping
from typing import NamedTuple

from agent.backends.comfyui.lists import Inputs, Lists, NodeWords


class Slot(NamedTuple):
    name: str
    type: str | None
    """Of a link; None: a widget."""
    default: str | None = None


class Layout(NamedTuple):
    inputs: tuple[Slot, ...]
    outputs: tuple[str, ...]


_COND = "positive:CONDITIONING negative:CONDITIONING"
_WRITTEN: Mapping[str, tuple[str, str]] = {
    "CheckpointLoaderSimple": ("ckpt_name", "MODEL CLIP VAE"),
    "UNETLoader": ("unet_name weight_dtype", "MODEL"),
    "CLIPLoader": ("clip_name type device=default", "CLIP"),
    "DualCLIPLoader": ("clip_name1 clip_name2 type device=default", "CLIP"),
    "TripleCLIPLoader": ("clip_name1 clip_name2 clip_name3", "CLIP"),
    "VAELoader": ("vae_name", "VAE"),
    "LoraLoader": ("model:MODEL clip:CLIP lora_name strength_model strength_clip", "MODEL CLIP"),
    "HypernetworkLoader": ("model:MODEL hypernetwork_name strength", "MODEL"),
    "CLIPSetLastLayer": ("clip:CLIP stop_at_clip_layer", "CLIP"),
    "CLIPTextEncode": ("clip:CLIP text", "CONDITIONING"),
    "ConditioningConcat": ("conditioning_to:CONDITIONING conditioning_from:CONDITIONING", "CONDITIONING"),
    "FluxGuidance": ("conditioning:CONDITIONING guidance", "CONDITIONING"),
    "EmptyLatentImage": ("width height batch_size", "LATENT"),
    "EmptySD3LatentImage": ("width height batch_size", "LATENT"),
    "KSampler": (
        f"model:MODEL {_COND} latent_image:LATENT seed steps cfg sampler_name scheduler denoise", "LATENT"),
    "KSamplerAdvanced": (
        f"model:MODEL {_COND} latent_image:LATENT add_noise noise_seed steps cfg sampler_name scheduler start_at_step "
        "end_at_step return_with_leftover_noise", "LATENT"),
    "LatentUpscale": ("samples:LATENT upscale_method width height crop", "LATENT"),
    "VAEDecode": ("samples:LATENT vae:VAE", "IMAGE"),
    "VAEDecodeTiled": (
        "samples:LATENT vae:VAE tile_size overlap=64 temporal_size=64 temporal_overlap=8", "IMAGE"),
    "VAEEncode": ("pixels:IMAGE vae:VAE", "LATENT"),
    "VAEEncodeTiled": (
        "pixels:IMAGE vae:VAE tile_size overlap=64 temporal_size=64 temporal_overlap=8", "LATENT"),
    "VAEEncodeForInpaint": ("pixels:IMAGE vae:VAE mask:MASK grow_mask_by", "LATENT"),
    "SetLatentNoiseMask": ("samples:LATENT mask:MASK", "LATENT"),
    "ControlNetLoader": ("control_net_name", "CONTROL_NET"),
    "ControlNetApplyAdvanced": (
        f"{_COND} control_net:CONTROL_NET image:IMAGE vae:VAE strength start_percent end_percent",
        "CONDITIONING CONDITIONING"),
    "Canny": ("image:IMAGE low_threshold high_threshold", "IMAGE"),
    "UpscaleModelLoader": ("model_name", "UPSCALE_MODEL"),
    "ImageUpscaleWithModel": ("upscale_model:UPSCALE_MODEL image:IMAGE", "IMAGE"),
    "ImageScale": ("image:IMAGE upscale_method width height crop", "IMAGE"),
    "ImageScaleBy": ("image:IMAGE upscale_method scale_by", "IMAGE"),
    "RepeatImageBatch": ("image:IMAGE amount", "IMAGE"),
    "ResizeAndPadImage": ("image:IMAGE target_width target_height padding_color interpolation", "IMAGE"),
    "ImageBlend": ("image1:IMAGE image2:IMAGE blend_factor blend_mode", "IMAGE"),
    "ImageCompositeMasked": ("destination:IMAGE source:IMAGE mask:MASK x y resize_source", "IMAGE"),
    "LoadImage": ("image", "IMAGE MASK"),
    "LoadImageMask": ("image channel", "MASK"),
    "SaveImage": ("images:IMAGE filename_prefix", ""),
}  # fmt: skip
"""Links first, as the editor shows them, then widgets in their order."""

SAMPLERS = (
    "euler", "euler_cfg_pp", "euler_ancestral", "euler_ancestral_cfg_pp", "heun", "heunpp2", "dpm_2",
    "dpm_2_ancestral", "lms", "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_2s_ancestral_cfg_pp",
    "dpmpp_sde", "dpmpp_sde_gpu", "dpmpp_2m", "dpmpp_2m_cfg_pp", "dpmpp_2m_sde", "dpmpp_2m_sde_gpu",
    "dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun_gpu", "dpmpp_3m_sde", "dpmpp_3m_sde_gpu", "ddpm", "lcm", "ipndm",
    "ipndm_v", "deis", "res_multistep", "res_multistep_cfg_pp", "res_multistep_ancestral",
    "res_multistep_ancestral_cfg_pp", "gradient_estimation", "gradient_estimation_cfg_pp", "er_sde", "seeds_2",
    "seeds_3", "sa_solver", "sa_solver_pece", "ddim", "uni_pc", "uni_pc_bh2",
)  # fmt: skip
SCHEDULERS = (
    "simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal", "linear_quadratic",
    "kl_optimal",
)  # fmt: skip


def _slot(written: str) -> Slot:
    name, mark, rest = written.partition(":")
    if mark:
        return Slot(name, rest)
    name, mark, rest = written.partition("=")
    return Slot(name, None, rest if mark else None)


LAYOUTS: Mapping[str, Layout] = {
    kind: Layout(tuple(_slot(part) for part in inputs.split()), tuple(outputs.split()))
    for kind, (inputs, outputs) in _WRITTEN.items()
}

AFTER_SEED = ("seed", "noise_seed")
"""Behind these the editor has a widget of its own that no node knows."""


def core_lists(names: Mapping[tuple[str, str], tuple[str, ...]], embeddings: tuple[str, ...] = ()) -> Lists:
    """A ComfyUI without extensions that has just these names, by node and input."""
    choices = {("KSampler", "sampler_name"): SAMPLERS, ("KSampler", "scheduler"): SCHEDULERS, **names}
    nodes: dict[str, NodeWords] = {}
    for kind, layout in LAYOUTS.items():
        section = {slot.name: _spec(slot, choices.get((kind, slot.name), ())) for slot in layout.inputs}
        nodes[kind] = NodeWords(
            input=Inputs(required=section), output=list(layout.outputs), output_node=not layout.outputs,
            python_module="nodes",
        )  # fmt: skip
    return Lists(nodes, embeddings)


def _spec(slot: Slot, choices: tuple[str, ...]) -> list[object]:
    if choices:
        return [list(choices)]
    if slot.type:
        return [slot.type]
    if slot.default is None:
        return ["STRING", {}]
    return ["INT", {"default": int(slot.default)}] if slot.default.isdigit() else ["STRING", {"default": slot.default}]
