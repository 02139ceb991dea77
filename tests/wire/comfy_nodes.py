"""The nodes of the ComfyUI that the tests play: what object_info says of them, and what they make of their inputs.

Written from how the real server behaves; the tests with a live server compare the two.
"""

import hashlib
import io
import json
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

SAMPLERS = ["euler", "euler_ancestral", "heun", "dpm_2", "lms", "dpmpp_sde", "dpmpp_sde_gpu", "dpmpp_2m",
            "dpmpp_3m_sde", "ddim", "uni_pc", "lcm", "res_multistep"]  # fmt: skip
SCHEDULERS = ["simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal"]
SCALES = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
LATENT_SCALES = ["nearest-exact", "bilinear", "area", "bicubic", "bislerp"]
SEED, SIDE, PART = (0, 2**64 - 1), (16, 16384), (0.0, 1.0)
C = ("CONDITIONING",)
I, L, M, V = ("IMAGE",), ("LATENT",), ("MASK",), ("VAE",)  # noqa: E741


class Names(NamedTuple):
    models: list[str] = ["sub/toy.safetensors", "other.safetensors"]
    unets: list[str] = ["toy-flux-dev.safetensors"]
    vaes: list[str] = ["fine.safetensors"]
    loras: list[str] = ["glow.safetensors", "style/ink.safetensors"]
    clips: list[str] = ["clip_l.safetensors", "t5xxl.safetensors"]
    hypers: list[str] = ["wave.pt"]
    controls: list[str] = ["edges.safetensors"]
    upscalers: list[str] = ["sharp_2x.pth", "sharp_4x.pth"]
    detectors: list[str] = []
    face_models: list[str] = []


def number(kind: str, least: float, most: float, **more: object) -> tuple[object, ...]:
    return (kind, {"min": least, "max": most, **more})


def combo(options: list[str]) -> tuple[object, ...]:
    """As nodes written since 2025 say it."""
    return ("COMBO", {"options": options})


def whole(least: float = 0, most: float = 2**31, **more: object) -> tuple[object, ...]:
    return number("INT", least, most, **more)


def part(least: float = 0.0, most: float = 1.0, **more: object) -> tuple[object, ...]:
    return number("FLOAT", least, most, **more)


def node(
    required: Mapping[str, tuple[object, ...]], output: str = "", *, module: str = "nodes",
    optional: Mapping[str, tuple[object, ...]] | None = None, category: str = "",
) -> dict[str, object]:  # fmt: skip
    sections = {"required": dict(required), "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}}
    if optional:
        sections["optional"] = dict(optional)
    return {
        "input": sections, "input_order": {name: list(each) for name, each in sections.items()},
        "output": output.split(), "output_node": not output, "python_module": module, "category": category,
        "name": "", "description": "",
    }  # fmt: skip


def object_info(names: Names, *, impact: bool = False, faces: bool = False, aux: bool = False) -> dict[str, object]:
    text, link = ("STRING", {"multiline": True}), {"model": ("MODEL",), "clip": ("CLIP",)}
    seed = whole(*SEED, control_after_generate=True)
    sampled = {
        "steps": whole(1, 10000), "cfg": part(0, 100), "sampler_name": (SAMPLERS,), "scheduler": (SCHEDULERS,),
        "positive": C, "negative": C,
    }  # fmt: skip
    side = whole(*SIDE)
    tiles = {"tile_size": whole(64, 4096), "overlap": whole(0, 4096, default=64),
             "temporal_size": whole(8, 4096, default=64), "temporal_overlap": whole(4, 4096, default=8)}  # fmt: skip
    found: dict[str, object] = {
        "CheckpointLoaderSimple": node({"ckpt_name": (names.models,)}, "MODEL CLIP VAE"),
        "UNETLoader": node({"unet_name": (names.unets,), "weight_dtype": (["default"],)}, "MODEL"),
        "CLIPLoader": node({"clip_name": (names.clips,), "type": (["stable_diffusion", "sd3", "flux"],)}, "CLIP"),
        "DualCLIPLoader": node({"clip_name1": (names.clips,), "clip_name2": (names.clips,),
                                "type": (["sdxl", "sd3", "flux"],)}, "CLIP"),
        "VAELoader": node({"vae_name": (names.vaes,)}, "VAE"),
        "LoraLoader": node({**link, "lora_name": (names.loras,), "strength_model": part(-100, 100),
                            "strength_clip": part(-100, 100)}, "MODEL CLIP"),
        "HypernetworkLoader": node({"model": ("MODEL",), "hypernetwork_name": (names.hypers,),
                                    "strength": part(-10, 10)}, "MODEL", module="comfy_extras.nodes_hypernetwork"),
        "CLIPSetLastLayer": node({"clip": ("CLIP",), "stop_at_clip_layer": whole(-24, -1)}, "CLIP"),
        "CLIPTextEncode": node({"text": text, "clip": ("CLIP",)}, "CONDITIONING"),
        "ConditioningConcat": node({"conditioning_to": C, "conditioning_from": C}, "CONDITIONING"),
        "FluxGuidance": node({"conditioning": C, "guidance": part(0, 100)}, "CONDITIONING"),
        "EmptyLatentImage": node({"width": side, "height": side, "batch_size": whole(1, 4096)}, "LATENT"),
        "EmptySD3LatentImage": node({"width": side, "height": side, "batch_size": whole(1, 4096)}, "LATENT"),
        "KSampler": node({"model": ("MODEL",), "seed": seed, **sampled, "latent_image": L, "denoise": part()},
                         "LATENT"),
        "KSamplerAdvanced": node(
            {"model": ("MODEL",), "add_noise": (["enable", "disable"],), "noise_seed": seed, **sampled,
             "latent_image": L, "start_at_step": whole(0, 10000), "end_at_step": whole(0, 10000),
             "return_with_leftover_noise": (["disable", "enable"],)}, "LATENT"),
        "LatentUpscale": node({"samples": L, "upscale_method": (LATENT_SCALES,), "width": whole(0, 16384),
                               "height": whole(0, 16384), "crop": (["disabled", "center"],)}, "LATENT"),
        "VAEDecode": node({"samples": L, "vae": V}, "IMAGE"),
        "VAEDecodeTiled": node({"samples": L, "vae": V, **tiles}, "IMAGE"),
        "VAEEncode": node({"pixels": I, "vae": V}, "LATENT"),
        "VAEEncodeTiled": node({"pixels": I, "vae": V, **tiles}, "LATENT"),
        "VAEEncodeForInpaint": node({"pixels": I, "vae": V, "mask": M, "grow_mask_by": whole(0, 64)}, "LATENT"),
        "SetLatentNoiseMask": node({"samples": L, "mask": M}, "LATENT"),
        "ControlNetLoader": node({"control_net_name": (names.controls,)}, "CONTROL_NET"),
        "ControlNetApplyAdvanced": node(
            {"positive": C, "negative": C, "control_net": ("CONTROL_NET",), "image": I, "strength": part(0, 10),
             "start_percent": part(), "end_percent": part()}, "CONDITIONING CONDITIONING", optional={"vae": V}),
        "Canny": node({"image": I, "low_threshold": part(0.01, 0.99), "high_threshold": part(0.01, 0.99)}, "IMAGE"),
        "UpscaleModelLoader": node({"model_name": combo(names.upscalers)}, "UPSCALE_MODEL"),
        "ImageUpscaleWithModel": node({"upscale_model": ("UPSCALE_MODEL",), "image": I}, "IMAGE"),
        "ImageScale": node({"image": I, "upscale_method": (SCALES,), "width": whole(0, 16384),
                            "height": whole(0, 16384), "crop": (["disabled", "center"],)}, "IMAGE"),
        "ImageScaleBy": node({"image": I, "upscale_method": (SCALES,), "scale_by": part(0.01, 8)}, "IMAGE"),
        "RepeatImageBatch": node({"image": I, "amount": whole(1, 4096)}, "IMAGE"),
        "ResizeAndPadImage": node({"image": I, "target_width": whole(1, 16384), "target_height": whole(1, 16384),
                                   "padding_color": (["white", "black"],), "interpolation": (SCALES,)}, "IMAGE"),
        "ImageBlend": node({"image1": I, "image2": I, "blend_factor": part(), "blend_mode": combo(["normal"])},
                           "IMAGE"),
        "ImageCompositeMasked": node(
            {"destination": I, "source": I, "x": whole(0, 16384), "y": whole(0, 16384),
             "resize_source": ("BOOLEAN", {"default": False})}, "IMAGE", optional={"mask": M}),
        "MaskToImage": node({"mask": M}, "IMAGE"),
        "LoadImage": node({"image": ([], {"image_upload": True})}, "IMAGE MASK"),
        "LoadImageMask": node({"image": ([], {"image_upload": True}), "channel": (["alpha", "red"],)}, "MASK"),
        "SaveImage": node({"images": I, "filename_prefix": ("STRING", {"default": "ComfyUI"})}),
        "PreviewImage": node({"images": I}),
        "SaveLatent": node({"samples": L, "filename_prefix": ("STRING", {})}),
        "LoadFromUrl": node({"url": ("STRING", {})}, "IMAGE", module="custom_nodes.comfyui-impact-pack"),
        "ShellNode": node({"text": ("STRING", {})}, "IMAGE", module="custom_nodes.somebody"),
    }  # fmt: skip
    found |= _impact(names, seed, sampled) if impact else {}
    found |= _faces(names) if faces else {}
    if aux:
        found["DepthAnythingPreprocessor"] = node(
            {"image": I}, "IMAGE", module="custom_nodes.comfyui_controlnet_aux",
            category="ControlNet Preprocessors/Depth",
            optional={"resolution": whole(64, 16384, default=512), "ckpt_name": (["vits.pth"],)},
        )  # fmt: skip
    return found


def _impact(names: Names, seed: tuple[object, ...], sampled: Mapping[str, tuple[object, ...]]) -> dict[str, object]:
    pack = {"module": "custom_nodes.comfyui-impact-pack"}
    on = ("BOOLEAN", {"default": True})
    find = {"image": I, "threshold": part(default=0.5), "dilation": whole(-512, 512, default=10),
            "crop_factor": part(1, 100, default=3.0), "drop_size": whole(1, 16384, default=10),
            "labels": ("STRING", {"default": "all"})}  # fmt: skip
    paint = {"model": ("MODEL",), "clip": ("CLIP",), "vae": V, "guide_size": part(64, 16384, default=512),
             "guide_size_for": on, "max_size": part(64, 16384, default=1024), "seed": seed, **sampled,
             "denoise": part(), "feather": whole(0, 100, default=5), "noise_mask": on, "force_inpaint": on,
             "wildcard": ("STRING", {"default": ""}), "cycle": whole(1, 10, default=1)}  # fmt: skip
    target = ["area(=w*h)", "width", "height", "confidence"]
    return {
        "UltralyticsDetectorProvider": node({"model_name": (names.detectors,)}, "BBOX_DETECTOR SEGM_DETECTOR",
                                            module="custom_nodes.comfyui-impact-subpack"),
        "FaceDetailer": node({"image": I}, "IMAGE", **pack),
        "BboxDetectorSEGS": node({"bbox_detector": ("BBOX_DETECTOR",), **find}, "SEGS", **pack),
        "SegmDetectorSEGS": node({"segm_detector": ("SEGM_DETECTOR",), **find}, "SEGS", **pack),
        "BboxDetectorCombined_v2": node({"bbox_detector": ("BBOX_DETECTOR",), "image": I, "threshold": part(),
                                         "dilation": whole(-512, 512)}, "MASK", **pack),
        "ImpactSEGSRangeFilter": node({"segs": ("SEGS",), "target": (target,), "mode": on, "min_value": whole(),
                                       "max_value": whole()}, "SEGS", **pack),
        "ImpactSEGSOrderedFilter": node({"segs": ("SEGS",), "target": (target,), "order": on, "take_start": whole(),
                                         "take_count": whole()}, "SEGS", **pack),
        "DetailerForEach": node({"image": I, "segs": ("SEGS",), **paint}, "IMAGE", **pack),
    }  # fmt: skip


def _faces(names: Names) -> dict[str, object]:
    return {
        "FaceRestoreModelLoader": node({"model_name": (names.face_models,)}, "FACERESTORE_MODEL"),
        "FaceRestoreCFWithModel": node(
            {"facerestore_model": ("FACERESTORE_MODEL",), "image": I, "facedetection": (["retinaface_resnet50"],),
             "codeformer_fidelity": part()}, "IMAGE"),
    }  # fmt: skip


class Thing(NamedTuple):
    """What flows over a link: a size where it is pixels or a latent, and what it was made of."""

    size: tuple[int, int]
    made_of: str


def evaluate(kind: str, inputs: Mapping[str, object], upload: Callable[[str], bytes]) -> Thing:
    """Raises as the node would: a picture that is none is PIL's own error."""
    things = {name: value for name, value in inputs.items() if isinstance(value, Thing)}
    told = json.dumps([kind, {name: str(value) for name, value in sorted(inputs.items())}])
    made_of = hashlib.sha256(told.encode()).hexdigest()
    size = next((thing.size for name, thing in things.items() if thing.size != (0, 0)), (0, 0))
    match kind:
        case "EmptyLatentImage" | "EmptySD3LatentImage":
            size = (int(inputs["width"]) // 8 * 8, int(inputs["height"]) // 8 * 8)
        case "LatentUpscale" | "ImageScale":
            size = (int(inputs["width"]), int(inputs["height"]))
        case "ResizeAndPadImage":
            size = (int(inputs["target_width"]), int(inputs["target_height"]))
        case "ImageScaleBy":
            size = (round(size[0] * float(inputs["scale_by"])), round(size[1] * float(inputs["scale_by"])))
        case "ImageUpscaleWithModel":
            factor = 4 if "_4x" in str(things["upscale_model"].made_of) else 2
            size = (things["image"].size[0] * factor, things["image"].size[1] * factor)
        case "UpscaleModelLoader":
            made_of = f"{inputs['model_name']} {made_of}"
        case "ImageCompositeMasked":
            size = things["destination"].size
        case "KSampler" | "KSamplerAdvanced":
            size = things["latent_image"].size
        case "VAEEncode" | "VAEEncodeTiled" | "VAEEncodeForInpaint":
            size = (size[0] // 8 * 8, size[1] // 8 * 8)
        case "LoadImage" | "LoadImageMask":
            with Image.open(io.BytesIO(upload(str(inputs["image"])))) as picture:
                picture.load()
                size, made_of = picture.size, hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()
    return Thing(size, made_of)


def drawn(thing: Thing, graph: object) -> bytes:
    """A PNG with the graph in it, as SaveImage writes it."""
    noise = random.Random(thing.made_of).randbytes(thing.size[0] * thing.size[1] * 3)
    told = PngInfo()
    told.add_text("prompt", json.dumps(graph))
    content = io.BytesIO()
    Image.frombytes("RGB", thing.size, noise).save(content, "PNG", pnginfo=told, compress_level=1)
    return content.getvalue()
