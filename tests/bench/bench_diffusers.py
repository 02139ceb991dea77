"""Pictures a second of the diffusers backend against a bare diffusers script with the same settings, in one run.

    python tests/bench/bench_diffusers.py [--rounds N] [--models DIR --model NAME --size N --steps N] [--json]

The bare script holds the model in this process, calls the pipeline and saves the PNG; the backend has its own
process, pipes, progress, checks and record. Without --models a tiny model of random weights is made, on which every
cost that is ours weighs a hundred times more than on a real one. Needs stablenew[diffusers]; says so and ends without.
"""

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from measure import Goal, Line, compared, finish, interleaved, seconds

sys.path.insert(0, str(Path(__file__).parent.parent / "wire"))  # for the models of the tests

PROMPT, NEGATIVE = "a lighthouse by the sea", "fog"
BATCH = 4


def bare(model: Path, size: int, steps: int) -> Callable[[int, int], list[bytes]]:
    """Seed and number of pictures to their files. As short as a person would write it."""
    import torch
    from diffusers import StableDiffusionPipeline

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.float16 if device == "cuda" else torch.float32
    pipeline = StableDiffusionPipeline.from_pretrained(str(model), local_files_only=True, dtype=dtype).to(device)
    pipeline.set_progress_bar_config(disable=True)

    def draw(seed: int, count: int) -> list[bytes]:
        made = pipeline(
            PROMPT, negative_prompt=NEGATIVE, width=size, height=size, num_inference_steps=steps, guidance_scale=7.0,
            num_images_per_prompt=count, generator=[torch.Generator("cpu").manual_seed(seed + n) for n in range(count)],
        )  # fmt: skip
        return [encoded(picture) for picture in made.images]

    return draw


def encoded(picture) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG", compress_level=1)
    return content.getvalue()


def measured(models: Path, name: str, size: int, steps: int, rounds: int) -> list[Line]:
    from diffusers_notes import Notes, work

    from agent.backends.diffusers import Diffusers
    from schema.stages import Txt2Img

    backend = Diffusers(models, models, time.monotonic)
    alone = bare(models / name, size, steps)
    stage = Txt2Img(id="t", model=name, width=size, height=size, steps=steps)

    def ours(count: int) -> float:
        order = work(stage.model_copy(update={"batch": count}), prompt=PROMPT, negative=NEGATIVE)
        return count / seconds(lambda: backend.run(order, Notes()))

    try:
        ours(1), alone(7, 1)  # both have loaded and warmed up
        found = interleaved(rounds, {
            "ours": lambda: ours(1), "bare": lambda: 1 / seconds(lambda: alone(7, 1)),
            "ours batch": lambda: ours(BATCH), "bare batch": lambda: BATCH / seconds(lambda: alone(7, BATCH)),
        })  # fmt: skip
    finally:
        backend.close()
    goal, what = Goal("ratio", least=0.98), f"{size}x{size}, {steps} steps"
    return [
        compared(f"one picture, {what}", "images/s", found["ours"], "bare diffusers", found["bare"], goal),
        compared(f"batch of {BATCH}, {what}", "images/s", found["ours batch"], "bare diffusers, at once",
                 found["bare batch"], None),
        compared(f"batch of {BATCH} against one by one", "images/s", found["ours batch"], "one picture",
                 found["ours"], None),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--model", default="toy")
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if find_spec("torch") is None or find_spec("diffusers") is None:
        print("skipped: needs stablenew[diffusers]", file=sys.stderr)
        finish([], sys.argv)
        return
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    with tempfile.TemporaryDirectory() as folder:
        models = asked.models or Path(folder)
        if asked.models is None:
            from diffusers_world import sd_model

            sd_model(models / asked.model)
        finish(measured(models, asked.model, asked.size, asked.steps, asked.rounds), sys.argv)


if __name__ == "__main__":
    main()
