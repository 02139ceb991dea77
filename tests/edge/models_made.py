"""Small made-up model files and what other programs leave beside them, for tests."""

import json
import random
import struct
from pathlib import Path

KOHYA = {
    "ss_output_name": "sea haze",
    "ss_base_model_version": "sdxl_base_v1-0",
    "ss_network_dim": "16",
    "ss_tag_frequency": json.dumps({"10_sea": {"sea": 9, "fog ": 4}, "5_more": {"fog": 6}}),
}


def safetensors(path: Path, metadata: dict[str, str] | None = None, seed: int = 0, tensors: int = 2) -> Path:
    """A LoRA with made-up tensors; another seed is another content."""
    header: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    for number in range(tensors):
        name = f"lora_unet_block_{number}_attn2_to_k.lora_down.weight"
        header[name] = {"dtype": "F16", "shape": [4, 768], "data_offsets": [end, end + 6144]}
        end += 6144
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + random.Random(seed).randbytes(end))
    return path


def beside(model: Path, ending: str, content: object) -> Path:
    """A sidecar: text as it is, anything else as JSON."""
    path = model.with_name(model.stem + ending)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


CIVITAI = {
    "id": 21, "modelId": 7, "name": "v2", "baseModel": "Pony", "trainedWords": ["sea haze,", "misty shore"],
    "description": "<p>Soft haze</p><p>over &amp; under<br/>water</p>", "model": {"name": "Sea Haze", "type": "LORA"},
    "files": [{"name": "a.pt", "hashes": {}}, {"primary": True, "hashes": {"SHA256": "AB" * 32}}],
}  # fmt: skip
A1111 = {
    "description": "mine", "sd version": "SDXL", "activation text": "haze, shore", "preferred weight": 0.7,
    "negative text": "crisp", "notes": "low weight",
}  # fmt: skip
MATRIX = {
    "ModelId": 7, "ModelName": "Sea Haze", "ModelDescription": "<b>haze</b>", "Tags": ["sea"], "ModelType": "LORA",
    "VersionId": 21, "VersionName": "v2", "BaseModel": "SDXL 1.0", "TrainedWords": ["hazy"], "UserTitle": "My Haze",
    "Hashes": {"SHA256": "CD" * 32},
}  # fmt: skip
MANAGER = {
    "file_name": "sea_haze", "file_path": "/elsewhere/sea_haze.safetensors", "sha256": "ef" * 32, "favorite": True,
    "base_model": "Illustrious", "notes": "n", "tags": ["style"], "usage_tips": "{\"strength\":0.6}",
    "civitai": {"trainedWords": ["hz"], "modelId": 9, "name": "v1"},
}  # fmt: skip
SWARM = {
    "modelspec.title": "Sea Haze", "modelspec.trigger_phrase": "haze", "modelspec.tags": "sea, soft",
    "modelspec.architecture": "stable-diffusion-xl-v1-base/lora", "modelspec.usage_hint": "gently",
}  # fmt: skip
