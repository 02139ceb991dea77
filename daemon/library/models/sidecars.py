"""Files that other programs leave beside a model, each read by its own shape. What is something else is left alone.

Text of a file in, what it says out; the fields are those of the programs named at each reader.
"""

import html
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from daemon.library.models.loose import Loose, loads, phrases
from daemon.library.models.told import Told

MOST = 4 << 20
"""Bytes of a sidecar that is read."""

TYPES: Mapping[str, str] = {
    "checkpoint": "models", "lora": "loras", "locon": "loras", "lycoris": "loras", "dora": "loras",
    "textualinversion": "embeddings", "embedding": "embeddings", "vae": "vaes", "upscaler": "upscalers",
    "hypernetwork": "hypernetworks", "controlnet": "controls", "detection": "detectors", "textencoder": "encoders",
}  # fmt: skip
"""Kinds of models as the programs call them, lower case, to our lists."""

FOREIGN = frozenset({"pack_data", "preset_data", "nodes", "last_node_id", "class_type", "_class_name", "slots"})
"""Fields of packs, workflows and diffusers configs, whose `.json` may lie beside a model by chance."""

_A1111 = ("activation text", "preferred weight", "sd version", "negative text")


class Reader(NamedTuple):
    kind: str
    endings: tuple[str, ...]
    """Put behind the model's name without its ending, and behind its whole name."""
    read: Callable[[str, str], Told | None]
    """File's name and text; None: it is something else. Raises ValueError for broken JSON."""


def civitai(file: str, text: str) -> Told | None:
    """Civitai-Helper: a model version as the Civitai API gives it."""
    it = Loose(loads(text))
    if not ("trainedWords" in it or "modelId" in it or ("baseModel" in it and "files" in it)):
        return None
    model = it.inner("model")
    files = it.each("files")
    chosen = next((one for one in files if one.flag("primary")), files[0] if files else Loose({}))
    page = it.text("modelId")
    return Told(
        kind="civitai",
        file=file,
        title=_title(model.text("name"), it.text("name")),
        list=TYPES.get(model.text("type").lower(), ""),
        base=it.text("baseModel"),
        triggers=it.texts("trainedWords"),
        tags=model.texts("tags") or it.texts("tags"),
        description=plain(it.text("description") or model.text("description")),
        author=it.inner("creator").text("username"),
        address=f"https://civitai.com/models/{page}" if page.isdigit() else "",
        sha256=_sha256(chosen.inner("hashes").text("SHA256")),
    )


def a1111(file: str, text: str) -> Told | None:
    """What a person wrote into the cards of SD WebUI or Forge."""
    it = Loose(loads(text))
    if not it or any(name in it for name in FOREIGN) or not any(name in it for name in (*_A1111, "notes")):
        return None
    version = it.text("sd version")
    return Told(
        kind="a1111",
        file=file,
        base="" if version.lower() in ("unknown", "other") else version,
        triggers=phrases(it.text("activation text")),
        weight=it.number("preferred weight") or None,  # 0: not set
        description=plain(it.text("description")),
        notes=it.text("notes"),
        negative=it.text("negative text"),
    )


def stability_matrix(file: str, text: str) -> Told | None:
    """StabilityMatrix: `ConnectedModelInfo`."""
    it = Loose(loads(text))
    if not ("ModelName" in it or "VersionId" in it or "ModelId" in it):
        return None
    page = it.text("ModelId")
    return Told(
        kind="stability-matrix",
        file=file,
        title=it.text("UserTitle") or _title(it.text("ModelName"), it.text("VersionName")),
        list=TYPES.get(it.text("ModelType").lower(), ""),
        base=it.text("BaseModel"),
        triggers=it.texts("TrainedWords"),
        tags=it.texts("Tags"),
        description=plain(it.text("ModelDescription") or it.text("VersionDescription")),
        address=it.text("SourceUrl") or (f"https://civitai.com/models/{page}" if page.isdigit() else ""),
        sha256=_sha256(it.inner("Hashes").text("SHA256")),
    )


def lora_manager(file: str, text: str) -> Told | None:
    """ComfyUI-Lora-Manager; its `usage_tips` is JSON within a text."""
    it = Loose(loads(text))
    if not ("file_name" in it or "file_path" in it or "from_civitai" in it):
        return None
    site, tips = it.inner("civitai"), it.inner("usage_tips")
    page = site.text("modelId")
    return Told(
        kind="lora-manager",
        file=file,
        title=it.text("model_name") or _title(site.inner("model").text("name"), site.text("name")),
        list=TYPES.get(site.inner("model").text("type").lower(), ""),
        base=it.text("base_model") or site.text("baseModel"),
        triggers=site.texts("trainedWords"),
        tags=it.texts("tags") or site.inner("model").texts("tags"),
        weight=tips.number("strength"),
        favourite=it.flag("favorite"),
        description=plain(it.text("modelDescription") or site.text("description")),
        notes=it.text("notes"),
        address=f"https://civitai.com/models/{page}" if page.isdigit() else "",
        sha256=_sha256(it.text("sha256")),
    )


def swarm(file: str, text: str) -> Told | None:
    """SwarmUI: the fields of a modelspec header, with or without its prefix."""
    it = Loose(loads(text))
    if not any(name.removeprefix("modelspec.") in ("title", "trigger_phrase", "architecture") for name in it.names()):
        return None
    return spec(it, "swarm", file)


def spec(it: Loose, kind: str, file: str) -> Told:
    """https://github.com/Stability-AI/ModelSpec."""

    def text(name: str) -> str:
        return it.text(f"modelspec.{name}", name)

    architecture = text("architecture")
    return Told(
        kind=kind,
        file=file,
        title=text("title"),
        list="loras" if "/lora" in architecture.lower() else "",
        base=architecture.partition("/")[0] or it.text("compat_class"),
        triggers=phrases(text("trigger_phrase")),
        tags=it.texts("modelspec.tags") or it.texts("tags"),
        weight=it.number("lora_default_weight"),
        description=plain(text("description")),
        notes=text("usage_hint"),
        author=text("author"),
        resolution=text("resolution"),
        sha256=_sha256(text("hash_sha256").removeprefix("0x")),
        thumbnail=text("thumbnail").startswith("data:image/"),
    )


def words(file: str, text: str) -> Told | None:
    """Trigger words in a plain text. Packs and captions lie beside models too: they are longer, or speak otherwise."""
    lines = [line.strip() for line in text.strip().splitlines()]
    found = phrases(text)
    if not found or len(lines) > 20 or "" in lines or any(line.startswith(("neg:", "#")) for line in lines):
        return None
    if len(found) > 30 or any(len(phrase) > 60 for phrase in found) or "<lora:" in text:
        return None
    return Told(kind="text", file=file, triggers=found)


def description(file: str, text: str) -> Told | None:
    return Told(kind="text", file=file, description=plain(text)) if text.strip() else None


READERS: tuple[Reader, ...] = (
    Reader("a1111", (".json",), a1111),
    Reader("lora-manager", (".metadata.json",), lora_manager),
    Reader("stability-matrix", (".cm-info.json",), stability_matrix),
    Reader("swarm", (".swarm.json",), swarm),
    Reader("civitai", (".civitai.info", ".info", ".civitai.json", ".json"), civitai),
    Reader("text", (".description.txt",), description),
    Reader("text", (".txt",), words),
)
"""What a person wrote comes before what a site says; `.json` and `.info` are read by who knows their shape."""


def plain(text: str) -> str:
    """A description without its HTML, paragraphs as lines."""
    if "<" in text:
        text = re.sub(r"<(?:br|/p|/li|/h\d)\b[^<>]{0,200}>", "\n", text, flags=re.IGNORECASE)
        text = re.sub(r"<[^<>]{0,2000}>", "", text)
    text = html.unescape(text).replace("\xa0", " ")
    return re.sub(r"[ \t]*\n\s*", "\n", text).strip()


def _title(model: str, version: str) -> str:
    return f"{model} {version}".strip() if version.lower() not in model.lower() else model


def _sha256(text: str) -> str:
    return text.lower() if re.fullmatch(r"[0-9a-fA-F]{64}", text) else ""
