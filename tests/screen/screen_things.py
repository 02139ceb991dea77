"""What the pretended daemon of these tests tells of: a queue, pictures, nodes and what they have. All of it our own."""

import io
import json

import msgspec

from schema.ids import ImageId, JobId, NodeId, RunId, StageId, run_of
from schema.pages import ImageRecord, ImageRow, JobRecord, NodeDay, Resource, StageRecord, iso
from schema.plans import JobSpec, Measures, Picture, StageStep
from schema.scenes import BackendScene, GpuScene, NodeScene, Row

NOON = 1_763_726_460.0
"""2025-11-21 12:01 UTC: the tests' now."""
STAGES = ("txt2img", "detail", "upscale")
NAMES = (
    "knights-07-v3",
    "knights-07-v4",
    "city-fly-through",
    "mech-sheet-front",
    "rainy-street-02",
    "old-mill-at-dusk",
)


NODE_NAMES = {"rtx3090": "studio", "rtx4070": "attic"}


def make_row(number: int) -> Row:
    row = _row(number)
    return msgspec.structs.replace(row, node_name=NODE_NAMES[row.node]) if row.node else row


def _row(number: int) -> Row:
    """A queue with two running, some waiting, one held, one broken, and history."""
    run = RunId(f"kn{number // 40:02d}gt7a")
    job = JobId(f"{run}.{number % 40 + 1}")
    name = f"{NAMES[number % len(NAMES)]}-s{88000 + number}"
    base = {"id": job, "run": run, "name": name, "created": NOON - 600 - number, "stages": STAGES, "pack": "knights"}
    if number < 2:
        return Row(**base, state="running", stage="txt2img", node=NodeId(("rtx3090", "rtx4070")[number]), seed=number)
    if number == 7:
        return Row(**base, state="held", reason="needs model")
    if number < 12:
        return Row(**base, state="queued")
    if number == 12:
        return Row(**base, state="failed", node=NodeId("rtx4070"), reason="out of memory", seconds=31.0)
    if number == 15:
        return Row(**base, state="cancelled", node=NodeId("rtx4070"))
    return Row(**base, state="finished", node=NodeId("rtx3090"), seconds=120.0 + number % 9, stars=(number * 7) % 6)


def make_image(number: int) -> ImageRow:
    run = RunId(f"kn{number // 40:02d}gt7a")
    return ImageRow(
        id=ImageId(f"im{number:06d}"),
        job=JobId(f"{run}.{number % 40 + 1}"),
        run=run,
        stage=StageId("upscale"),
        name=f"{NAMES[number % len(NAMES)]}-s{88000 + number}",
        final=True,
        created=NOON - 3600 - number * 60,
        media="image/png",
        bytes=1_300_000,
        width=832,
        height=1216,
        sha256=f"{number:064x}",
        pixels=f"{number:064x}",
        stars=(number * 7) % 6 if number % 3 else 0,
        tags=("keep", "wallpaper") if number % 5 == 1 else (),
        pack="knights",
        model="juggernautXL_v9",
        seed=88000 + number,
        path=f"/results/2025-11-21/knights/{NAMES[number % len(NAMES)]}-s{88000 + number}.png",
    )


NODES = (
    NodeScene(
        node=NodeId("rtx3090"),
        name="studio",
        state="busy",
        link="lan",
        address="192.168.1.10:7801",
        version="0.2.0",
        gpus=(GpuScene(name="RTX 3090", vram_gb=24.0),),
        gpu_percent=97.0,
        celsius=71.0,
        watts=312.0,
        ram_gb=62.0,
        ram_used_gb=25.0,
        speed=1.42,
        paces=("txt2img sdxl 1.0 MP x 30: 12.4 s (10.9 to 14.2)", "upscale: 3.1 s (2.8 to 3.6)"),
        models=41,
        done=412,
        failed=3,
        backends=("webui", "llm"),
        vram_gb=24.0,
        vram_used_gb=19.2,
        running=JobId("kn00gt7a.1"),
        servers=(
            BackendScene(kind="webui", state="ready", release="forge f2.0.1", url="http://127.0.0.1:7860"),
            BackendScene(kind="llm", state="ready", release="ollama 0.3", url="http://127.0.0.1:11434/v1"),
        ),
        resident=("juggernautXL_v9",),
    ),
    NodeScene(
        node=NodeId("rtx4070"),
        name="attic",
        state="busy",
        link="lan",
        address="192.168.1.23:7801",
        version="0.2.0",
        gpus=(GpuScene(name="RTX 4070", vram_gb=12.0),),
        gpu_percent=38.0,
        speed=0.8,
        models=12,
        done=140,
        backends=("comfyui", "webui"),
        vram_gb=12.0,
        running=JobId("kn00gt7a.2"),
        servers=(
            BackendScene(kind="comfyui", state="ready", release="0.3.40", url="http://127.0.0.1:8188"),
            BackendScene(kind="webui", state="starting", url="http://127.0.0.1:7860", trouble="It loads a model."),
        ),
    ),
    NodeScene(
        node=NodeId("den"),
        name="den",
        state="lost",
        link="lan",
        address="192.168.1.31:7801",
        backends=("webui",),
        servers=(
            BackendScene(
                kind="webui",
                state="disconnected",
                url="http://127.0.0.1:7860",
                trouble="Nobody answers on http://127.0.0.1:7860. Start SD WebUI there with --api.",
            ),
        ),
        trouble="it has not been heard of for 2 h",
    ),
)

DAYS = (
    NodeDay(
        node=NodeId("rtx4070"), stages=164, pictures=85, finals=28, clock_s=10_800.0, worked_s=4_920.0, per_hour=28.33,
        p50_s=41.2, p95_s=190.0,
    ),
    NodeDay(
        node=NodeId("rtx3090"), stages=1_412, pictures=412, finals=412, clock_s=86_400.0, worked_s=64_080.0,
        per_hour=17.17, p50_s=8.4, p95_s=54.0,
    ),
)  # fmt: skip
"""What the nodes did in the last 24 hours; `den` nothing."""

STRANGERS = (
    NodeScene(
        node=NodeId("aaaabbbbccccddddeeeeffff22"),
        name="laptop",
        state="new",
        link="lan",
        address="192.168.1.44:7801",
        version="0.2.0",
    ),
    NodeScene(
        node=NodeId("ggggbbbbccccddddeeeeffff22"), name="shed", state="taken", link="lan", address="192.168.1.45:7801"
    ),
)
"""Agents that are seen and belong to nobody here."""

CONFLICTED = NodeScene(
    node=NodeId("hhhhbbbbccccddddeeeeffff22"),
    name="cellar",
    state="conflicted",
    link="lan",
    address="192.168.1.50:7801",
    trouble="two machines live with its key, at 192.168.1.50:7801 and 192.168.1.51:7801. Unpair one.",
)


def make_resources(models: int = 40) -> list[Resource]:
    """What the nodes have; `models` of them, as people's folders look."""
    both = {"nodes": ("attic", "studio"), "backends": ("comfyui", "webui")}
    studio = {"nodes": ("studio",), "backends": ("webui",)}
    names = [f"sdxl/{NAMES[n % len(NAMES)]}_v{n}.safetensors" for n in range(models)]
    found = [Resource(list="models", name=name, **(both if n % 2 else studio)) for n, name in enumerate(names)]
    found += [Resource(list="models", name="juggernautXL_v9.safetensors", **both)]
    found += [Resource(list="vaes", name=name, **both) for name in ("sdxl_vae.safetensors", "vae-ft-mse.safetensors")]
    found += [Resource(list="samplers", name=name, **both) for name in ("DPM++ 2M", "Euler", "Euler a", "Heun")]
    found += [Resource(list="schedulers", name=name, **both) for name in ("Automatic", "Karras", "Simple")]
    found += [Resource(list="upscalers", name=name, **studio) for name in ("4x-sharp", "Lanczos", "R-ESRGAN 4x+")]
    found += [Resource(list="detectors", name=name, **studio) for name in ("face_yolov8n.pt", "hand_yolov8n.pt")]
    found += [Resource(list="controls", name="control_canny.safetensors", **both)]
    found += [Resource(list="control_processors", name=name, **studio) for name in ("canny", "depth_midas")]
    found += [Resource(list="loras", name=name, **both) for name in ("sky/film_grain.safetensors", "line art [b].pt")]
    found += [Resource(list="embeddings", name="badhands.pt", **both)]
    return sorted(found, key=lambda one: (one.list, one.name.lower()))


CONFIG = {
    "txt2img": {"type": "txt2img", "model": None, "vae": None, "sampler": None, "scheduler": None, "steps": 20,
                "cfg": 7.0, "width": 512, "height": 512, "clip_skip": 1, "hires": None, "refiner": None,
                "hypernetwork": None, "batch": 1, "tiling": False, "controls": None, "workflow": None},
    "detail": {"type": "detail", "detector": "face", "model": None, "sampler": None, "denoise": 0.4, "steps": 20},
    "upscale": {"type": "upscale", "upscaler": None, "factor": 2.0, "tile": 512, "overlap": 32},
    "video": {"type": "video", "fps": 8.0},
}  # fmt: skip
"""Of the standard pipeline, as a plan's lines tell it."""


def record_of(row: Row) -> JobRecord:
    done = row.state == "finished"
    stages = tuple(
        StageRecord(
            id=StageId(name),
            kind=name,
            state="done" if done else "running" if row.stage == name else "waiting",
            attempts=1 if done else 0,
            node=row.node if done else None,
            node_name=row.node_name if done else None,
            backend="sketch" if done else None,
            started=row.created + 60 * n if done or row.stage == name else None,
            ended=row.created + 60 * n + 44 if done else None,
            measures=Measures(executed_s=44.0),
            effective={"width": 832, "height": 1216, "steps": 30} if done else {},
            images=(
                ImageRecord(
                    id=ImageId(f"im{n}"),
                    index=0,
                    file=Picture(sha256="0" * 64, pixels="0" * 64, media="image/png", bytes=9, width=832, height=1216),  # type: ignore[arg-type]
                ),
            )
            if done
            else (),
        )
        for n, name in enumerate(STAGES)
    )
    spec = JobSpec(
        name=row.name,
        pack=row.pack,
        prompt_number=7,
        variant=3,
        template="masterpiece, knight in rain, (rim light:1.2), __armor/steel__, [dusk:night:0.4]",
        prompt="masterpiece, knight in rain, (rim light:1.2), gothic plate armour, [dusk:night:0.4]",
        negative="lowres, bad anatomy, extra fingers",
        seed=row.seed or 88123,
        overlay={"txt2img.cfg": 6.0, "txt2img.steps": 30},
        origins={"txt2img.cfg": "knights.yaml:12", "txt2img.steps": "--set"},
        stages=tuple(StageStep(id=StageId(name), kind=name, steps=30 if name == "txt2img" else 0) for name in STAGES),  # type: ignore[arg-type]
    )
    ended = row.created + 170 if row.state in ("finished", "failed", "cancelled") else None
    return JobRecord(
        id=row.id,
        run=run_of(row.id),
        state=row.state,
        created=row.created,
        spec=spec,
        stages=stages,
        node=row.node,
        node_name=row.node_name,
        ended=ended,
        reason=row.reason,
    )


def picture(number: int, size: int) -> bytes:
    """A landscape of our own: a sky, a sun, hills; another for every number."""
    from PIL import Image, ImageDraw

    wide, high = (size * 832 // 1216, size)
    image = Image.new("RGB", (wide, high))
    draw = ImageDraw.Draw(image)
    hue = number * 37 % 200
    for y in range(high):
        t = y / high
        draw.line([(0, y), (wide, y)], fill=(40 + int(150 * t), 50 + hue // 3, 190 - int(120 * t) - hue // 4))
    x, y, r = wide * (20 + number * 13 % 60) // 100, high * (15 + number * 7 % 30) // 100, size // 10
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(250, 220, 140))
    for layer in range(3):
        top = high * (50 + layer * 15) // 100
        points = [(0, high)]
        points += [(i * wide // 8, top + (number * (i + 3) * (layer + 5) % 23 - 11) * size // 160) for i in range(9)]
        draw.polygon([*points, (wide, high)], fill=(30 + hue // 5, 90 - layer * 25, 60 - layer * 12))
    kept = io.BytesIO()
    image.save(kept, "WEBP", quality=80)
    return kept.getvalue()


def flat(stage: dict[str, object]) -> dict[str, object]:
    """Tables within a stage as `table.field`."""
    told: dict[str, object] = {}
    for name, value in stage.items():
        told |= {f"{name}.{inner}": one for inner, one in value.items()} if isinstance(value, dict) else {name: value}
    return {name: value for name, value in told.items() if name != "id"}


def planned(body: dict[str, object]) -> dict[str, object]:
    """Stage to its settings, as the pipeline that was named has them."""
    pipeline = body.get("pipeline")
    if isinstance(pipeline, dict):
        stages = json.loads(pipeline["text"])["stages"]
        named = ((stage.get("id", stage["type"]), stage) for stage in stages)
        return {name: {**CONFIG.get(stage["type"], {}), **flat(stage)} for name, stage in named}
    there = ("txt2img", "video") if body.get("video") else ("txt2img",)
    return {name: stage for name, stage in CONFIG.items() if name in there or pipeline != "quick"}


def matching(rows: list[Row], text: str) -> list[Row] | None:
    """The rows a FILTER leaves: words of the name, `state:`, `pack:` and `job:`. None: it is no filter."""
    for word in text.split():
        key, colon, value = word.partition(":")
        if not colon:
            rows = [row for row in rows if word in row.name]
        elif key == "state":
            rows = [row for row in rows if row.state in value.split("|")]
        elif key == "pack":
            rows = [row for row in rows if row.pack == value]
        elif key == "run":
            rows = [row for row in rows if row.run.startswith(value)]
        elif key == "job":
            rows = [row for row in rows if row.id == value]
        else:
            return None
    return rows


def written(value: msgspec.Struct) -> bytes:
    """As the routes write it: times in ISO 8601."""
    plain = msgspec.to_builtins(value)
    return json.dumps(timed(plain)).encode()


def timed(value: object) -> object:
    if isinstance(value, dict):
        return {
            k: iso(v) if k in ("created", "started", "ended") and isinstance(v, float) else timed(v)
            for k, v in value.items()
        }
    return [timed(item) for item in value] if isinstance(value, (list, tuple)) else value
