"""What a ComfyUI has: its nodes with their inputs, and the names it offers for models, samplers and the rest.

Read from `GET /object_info`; each name is spelled as the server spells it. Pure.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from agent.backends.comfyui.loose import decoded
from schema.dialects import sampling

Section = dict[str, list[object]]


class Inputs(msgspec.Struct, frozen=True):
    """Without the hidden ones, which the server fills in itself."""

    required: Section = {}
    optional: Section = {}


class NodeWords(msgspec.Struct, frozen=True):
    """One entry of object_info, as far as it is used. Whatever has another shape is left out."""

    input: Inputs = Inputs()
    input_order: dict[str, list[str]] = {}
    output: list[object] = []
    output_node: bool = False
    python_module: str = ""
    category: str = ""

    def inputs(self) -> dict[str, list[object]]:
        """Required ones first, in the order of the editor."""
        found: dict[str, list[object]] = {}
        for part, section in (("required", self.input.required), ("optional", self.input.optional)):
            order = self.input_order.get(part) or list(section)
            found |= {name: section[name] for name in order if name in section}
        return found

    def default(self, name: str) -> str | int | float | bool | None:
        """What stands in an input nobody fills in; None: it must be linked."""
        spec = self.inputs().get(name, [])
        told = spec[1].get("default") if len(spec) > 1 and isinstance(spec[1], dict) else None
        if isinstance(told, str | int | float | bool):
            return told
        return next(iter(self.choices(name)), None)

    def choices(self, name: str) -> tuple[str, ...]:
        """The names an input offers: a list, or since 2025 a `COMBO` with `options`. Empty: it is no choice."""
        spec = self.inputs().get(name, [])
        if spec and isinstance(spec[0], list):
            return tuple(item for item in spec[0] if isinstance(item, str))
        if len(spec) > 1 and spec[0] == "COMBO" and isinstance(spec[1], dict):
            options = spec[1].get("options")
            return tuple(item for item in options if isinstance(item, str)) if isinstance(options, list) else ()
        return ()


PIXEL_UPSCALERS: Mapping[str, str] = {
    "Lanczos": "lanczos", "Bicubic": "bicubic", "Bilinear": "bilinear", "Area": "area", "Nearest": "nearest-exact",
}  # fmt: skip
"""Label to the method of ImageScale."""

LATENT_UPSCALERS: Mapping[str, str] = {
    "Latent": "bilinear", "Latent (bicubic)": "bicubic", "Latent (nearest-exact)": "nearest-exact",
    "Latent (area)": "area", "Latent (bislerp)": "bislerp",
}  # fmt: skip
"""Label, as SD WebUI has it where it does, to the method of LatentUpscale."""

PREPROCESSORS: Mapping[str, str] = {
    "depth_midas": "MiDaS-DepthMapPreprocessor", "depth_zoe": "Zoe-DepthMapPreprocessor",
    "depth_anything": "DepthAnythingPreprocessor", "depth_anything_v2": "DepthAnythingV2Preprocessor",
    "openpose_full": "OpenposePreprocessor", "dw_openpose_full": "DWPreprocessor",
    "lineart_realistic": "LineArtPreprocessor", "lineart_anime": "AnimeLineArtPreprocessor",
    "softedge_hed": "HEDPreprocessor", "softedge_pidinet": "PiDiNetPreprocessor", "mlsd": "M-LSDPreprocessor",
    "scribble_hed": "FakeScribblePreprocessor", "normal_bae": "BAE-NormalMapPreprocessor",
    "tile_resample": "TilePreprocessor", "shuffle": "ShufflePreprocessor",
}  # fmt: skip
"""Names of SD WebUI's ControlNet to the nodes of comfyui_controlnet_aux."""

RESTORERS: Mapping[str, str] = {"CodeFormer": "codeformer", "GFPGAN": "gfpgan"}
FACE_NODE = "FaceRestoreCFWithModel"
"""Of facerestore_cf: `facerestore_model`, `image`, `facedetection`, `codeformer_fidelity`."""

SOURCES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "models": (("CheckpointLoaderSimple", "ckpt_name"), ("UNETLoader", "unet_name")),
    "vaes": (("VAELoader", "vae_name"),),
    "loras": (("LoraLoader", "lora_name"),),
    "encoders": (("CLIPLoader", "clip_name"),),
    "hypernetworks": (("HypernetworkLoader", "hypernetwork_name"),),
    "controls": (("ControlNetLoader", "control_net_name"),),
    "detectors": (("UltralyticsDetectorProvider", "model_name"),),
    "upscale_models": (("UpscaleModelLoader", "model_name"),),
    "samplers": (("KSampler", "sampler_name"),),
    "schedulers": (("KSampler", "scheduler"),),
    "face_models": (("FaceRestoreModelLoader", "model_name"),),
}
"""Where object_info has each list."""


@dataclass(frozen=True)
class Lists:
    nodes: Mapping[str, NodeWords] = field(default_factory=dict)
    embeddings: tuple[str, ...] = ()

    def has(self, *kinds: str) -> bool:
        return all(kind in self.nodes for kind in kinds)

    def names(self, what: str) -> tuple[str, ...]:
        """One of `SOURCES`, as the server spells it."""
        found: list[str] = []
        for kind, name in SOURCES[what]:
            found += self.nodes[kind].choices(name) if kind in self.nodes else ()
        return tuple(dict.fromkeys(found))

    def samplers(self) -> tuple[str, ...]:
        """As WebUI's labels, one for variants that mean the same."""
        return tuple(dict.fromkeys(sampling(name).sampler for name in self.names("samplers")))

    def schedulers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sampling("", name).scheduler or name for name in self.names("schedulers")))

    def upscalers(self) -> tuple[str, ...]:
        pixel = tuple(PIXEL_UPSCALERS) if self.has("ImageScale") else ()
        latent = tuple(LATENT_UPSCALERS) if self.has("LatentUpscale") else ()
        return (*pixel, *self.names("upscale_models"), *latent)

    def processors(self) -> tuple[str, ...]:
        """For ControlNet: WebUI's names where there is one, else the node's."""
        named = {node: label for label, node in PREPROCESSORS.items()}
        aux = [
            named.get(kind, kind)
            for kind, words in self.nodes.items()
            if words.category.startswith("ControlNet Preprocessors") and words.output[:1] == ["IMAGE"]
        ]
        return (*(("canny",) if self.has("Canny") else ()), *sorted(aux))

    def restorers(self) -> tuple[str, ...]:
        if not self.has(FACE_NODE, "FaceRestoreModelLoader"):
            return ()
        files = [name.lower() for name in self.names("face_models")]
        return tuple(label for label, part in RESTORERS.items() if any(part in name for name in files))

    def can_detail(self) -> bool:
        return self.has("FaceDetailer", "UltralyticsDetectorProvider") and bool(self.names("detectors"))

    def kinds(self) -> tuple[str, ...]:
        """Stage kinds its nodes allow."""
        base = ("CheckpointLoaderSimple", "CLIPTextEncode", "KSampler", "VAEDecode", "SaveImage", "LoadImage")
        if not self.has(*base):
            return ()
        sampled = bool(self.names("models"))
        found = ["txt2img", "img2img", "refiner"] if sampled else []
        found += ["detail"] if sampled and self.can_detail() else []
        found += ["upscale"] if self.has("ImageScale") else []
        found += ["face_restore"] if self.restorers() else []
        return tuple(found)


def read(content: bytes, embeddings: tuple[str, ...] = ()) -> Lists:
    """Raises ValueError when it is no object_info. A node of another shape is passed over: custom ones are many."""
    found: dict[str, NodeWords] = {}
    try:
        entries = decoded(content, dict[str, object])
    except ValueError as fault:
        raise ValueError(f"its list of nodes cannot be read: {fault}") from None
    for kind, entry in entries.items():
        with contextlib.suppress(msgspec.ValidationError):
            found[kind] = msgspec.convert(entry, NodeWords)
    return Lists(found, embeddings)
