"""Ten thousand pictures of other programs: how each was made, against bare reads of every byte of the same files.

    python tests/bench/bench_foreign.py [--pictures N] [--rounds N] [--json]

read        what all of them say, and the same with the run that would make each again
silent      pictures that say nothing: decoded for what may be hidden in their pixels, against Pillow decoding them

Half are PNGs of A1111, a quarter ComfyUI's with graph and workflow, the rest SwarmUI's and JPEGs. A thousand different
files have ten names each; all are in memory, so that only the work is measured.
"""

import argparse
import json
import os
import sys
from io import BytesIO
from pathlib import Path

from measure import Goal, Line, compared, finish, interleaved, scratch, seconds
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from daemon.artifacts import exif
from daemon.artifacts.foreign.reading import read_picture
from daemon.artifacts.foreign.requests import understood

PICTURES = 10_000
DIFFERENT = 1_000
SIDE = 256
SILENT = 200

INFOTEXT = (
    "a harbour at dawn, fishing boats, long shadows, gulls over the pier, watercolour <lora:haze:0.6>\n"
    "Negative prompt: blurry, watermark, text\nSteps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5,"
    " Seed: {seed}, Size: 832x1216, Model hash: abcdef1234, Model: toy_v1, Denoising strength: 0.35,"
    " Hires upscale: 1.5, Hires upscaler: Latent, ADetailer model: face_yolov8n.pt,"
    ' Lora hashes: "haze: 11aa22bb33cc", Version: v1.10.1'
)


def graph(seed: int) -> str:
    """As large as a person's own ComfyUI graph with its workflow beside it: some forty nodes."""

    def node(kind: str, **inputs: object) -> dict[str, object]:
        return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}

    nodes = {
        "3": node("KSampler", seed=seed, steps=28, cfg=6.5, sampler_name="dpmpp_2m", scheduler="karras", denoise=1,
                  model=["10", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
        "4": node("CheckpointLoaderSimple", ckpt_name="toy_v1.safetensors"),
        "5": node("EmptyLatentImage", width=832, height=1216, batch_size=1),
        "6": node("CLIPTextEncode", text="a harbour at dawn, fishing boats", clip=["10", 1]),
        "7": node("CLIPTextEncode", text="blurry", clip=["10", 1]),
        "10": node("LoraLoader", lora_name="haze.safetensors", strength_model=0.6, model=["4", 0], clip=["4", 1]),
        **{str(n): node("Reroute", value=["3", 0], title="x" * 60) for n in range(100, 134)},
    }  # fmt: skip
    return json.dumps(nodes)


def sample(number: int, noise: Image.Image) -> tuple[str, bytes]:
    """Half PNGs of A1111, a quarter of ComfyUI, an eighth each JPEG and SwarmUI's PNG."""
    out, told = BytesIO(), PngInfo()
    match number % 8:
        case 0 | 1 | 2 | 3:
            told.add_text("parameters", INFOTEXT.format(seed=number))
        case 4 | 5:
            told.add_text("prompt", graph(number))
            told.add_text("workflow", json.dumps({"nodes": [], "extra": "x" * 20_000}))
        case 6:
            said = {"prompt": "a harbour", "seed": number, "steps": 28, "sampler": "dpmpp_2m", "model": "toy_v1"}
            told.add_text("parameters", json.dumps({"sui_image_params": said}))
        case _:
            block = exif.block({"parameters": INFOTEXT.format(seed=number)})
            noise.save(out, "JPEG", quality=90, exif=b"Exif\0\0" + block)
            return f"{number:06}.jpg", out.getvalue()
    noise.save(out, "PNG", pnginfo=told, compress_level=1)
    return f"{number:06}.png", out.getvalue()


def written(folder: Path, pictures: int) -> list[Path]:
    noises = [Image.effect_noise((SIDE, SIDE), 50).convert("RGB") for _ in range(2)]
    different, paths = list[Path](), list[Path]()
    for number in range(pictures):
        if number < DIFFERENT:
            name, raw = sample(number, noises[number % 2])
            different.append(folder / name)
            different[-1].write_bytes(raw)
            paths.append(different[-1])
        else:
            one = different[number % DIFFERENT]
            paths.append(folder / f"{number:06}{one.suffix}")
            os.link(one, paths[-1])
    return paths


def silent(folder: Path) -> list[Path]:
    noise = Image.effect_noise((SIDE, SIDE), 50).convert("RGBA")
    paths = [folder / f"silent-{number:03}.png" for number in range(SILENT)]
    for path in paths:
        noise.save(path, compress_level=1)
    return paths


def decoded(path: Path) -> None:
    with Image.open(path) as picture:
        picture.load()


def lines(pictures: int, rounds: int) -> list[Line]:
    with scratch("foreign") as folder:
        paths, quiet = written(folder, pictures), silent(folder)
        cases = {
            "bare": lambda: seconds(lambda: [path.read_bytes() for path in paths]),
            "read": lambda: seconds(lambda: [read_picture(path) for path in paths]),
            "run": lambda: seconds(lambda: [understood(read_picture(path)) for path in paths]),
            "decoded": lambda: seconds(lambda: [decoded(path) for path in quiet]),
            "silent": lambda: seconds(lambda: [read_picture(path) for path in quiet]),
        }
        found = interleaved(rounds, cases)
    kilo = f"{pictures:,} pictures"
    return [
        compared(f"what {kilo} say", "s", found["read"], "bare reads", found["bare"], Goal("ratio", most=5.0)),
        compared(f"and their runs, {kilo}", "s", found["run"], "bare reads", found["bare"], None),
        Line(
            what="what one picture says", value=min(found["read"]) / pictures * 1000, unit="ms",
            goal=Goal("value", most=1.0),
        ),
        compared(
            f"{SILENT} silent pictures", "s", found["silent"], "Pillow", found["decoded"], Goal("ratio", most=2.0)
        ),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    finish(lines(asked.pictures, asked.rounds), sys.argv[1:])


if __name__ == "__main__":
    main()
