"""Against a real ComfyUI, named by STABLENEW_TEST_COMFYUI: what the fake plays must be what the real one does.

It needs one SD1.5-like checkpoint; small random weights will do. Everything is made at 64 pixels.
"""

import io
import json
import os
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `comfy_world`

from comfy_fake import ComfyFake
from comfy_nodes import Names, object_info
from comfy_world import Listener, trouble, work

from agent.backends import Cancelled, Made, Options
from agent.backends.comfyui import ComfyUI
from agent.backends.comfyui import lists as inventory
from agent.backends.comfyui.convert import is_widget, to_api
from agent.backends.comfyui.core import LAYOUTS
from agent.backends.comfyui.export import main
from agent.backends.comfyui.watch import Watch
from schema.parts import Hires, Shape
from schema.stages import Img2Img, Refiner, Txt2Img, Upscale

URL = os.environ.get("STABLENEW_TEST_COMFYUI", "")
pytestmark = [
    pytest.mark.skipif(not URL, reason="STABLENEW_TEST_COMFYUI names no running ComfyUI"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def live() -> ComfyUI:
    made = ComfyUI(Options(clock=time.monotonic, url=URL))
    card = made.card()
    assert card.state == "ready" and card.models, card.trouble
    return made


@pytest.fixture
def small(live: ComfyUI) -> Txt2Img:
    """Its seed is drawn by each test, so that nothing comes out of the cache."""
    return Txt2Img(id="s", width=64, height=64, steps=3, model=live.card().models[-1])


def seed() -> int:
    return uuid.uuid4().int % 2**48


def run(live: ComfyUI, config, *inputs: Path, drawn: int | None = None, **more: object) -> Made:
    return live.run(work(config, *inputs, seed=seed() if drawn is None else drawn, **more), Listener())


def pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as opened:
        return opened.convert("RGB").tobytes()


def kept(made: Made, folder: Path) -> Path:
    path = folder / f"{uuid.uuid4().hex}.png"
    path.write_bytes(made.pictures[0].content)
    return path


def graph_of(made: Made) -> dict[str, dict]:
    with Image.open(io.BytesIO(made.pictures[0].content)) as opened:
        return json.loads(opened.info["prompt"])


def test_the_fake_has_the_nodes_and_inputs_of_the_real_one(live: ComfyUI) -> None:
    ours = inventory.read(json.dumps(object_info(Names())).encode())
    for kind in LAYOUTS:
        real = live.lists().nodes.get(kind)
        if real is None or kind not in ours.nodes:
            continue
        there = real.inputs()
        for name, spec in ours.nodes[kind].inputs().items():
            assert name in there, f"{kind} has no {name}"
            assert is_widget(spec) == is_widget(there[name]), f"{kind}.{name}"
        assert ours.nodes[kind].output == real.output, kind


def test_the_layouts_held_for_export_are_the_servers(live: ComfyUI) -> None:
    for kind, layout in LAYOUTS.items():
        real = live.lists().nodes[kind].inputs()
        assert [slot.name for slot in layout.inputs if not slot.type] == [n for n, s in real.items() if is_widget(s)], (
            kind
        )
        links = {slot.name: slot.type for slot in layout.inputs if slot.type}
        assert links == {name: spec[0] for name, spec in real.items() if not is_widget(spec)}, kind


def test_what_is_recorded_is_what_the_picture_says(live: ComfyUI, small: Txt2Img) -> None:
    drawn = seed()
    made = run(live, small.model_copy(update={"sampler": "DPM++ 2M", "scheduler": "Karras", "cfg": 5.5}), drawn=drawn)
    sampler = next(node["inputs"] for node in graph_of(made).values() if node["class_type"] == "KSampler")
    assert (sampler["seed"], sampler["steps"], sampler["cfg"]) == (drawn, 3, 5.5)
    assert (sampler["sampler_name"], sampler["scheduler"]) == ("dpmpp_2m", "karras")
    assert (made.effective["sampler"], made.effective["scheduler"]) == ("DPM++ 2M", "Karras") and made.suspect is None


def test_the_same_order_gives_a_new_file_with_the_same_pixels(live: ComfyUI, small: Txt2Img) -> None:
    drawn = seed()
    first, second = run(live, small, drawn=drawn), run(live, small, drawn=drawn)
    assert pixels(first.pictures[0].content) == pixels(second.pictures[0].content)
    assert graph_of(first) != graph_of(second) and int(str(second.reported["cached_nodes"])) >= 6


def test_a_picture_of_a_batch_can_be_made_alone(live: ComfyUI, small: Txt2Img) -> None:
    drawn = seed()
    many = run(live, small.model_copy(update={"batch": 2}), drawn=drawn)
    alone = run(live, small, drawn=drawn + 1)
    assert pixels(many.pictures[1].content) == pixels(alone.pictures[0].content)


def test_every_kind_gives_a_picture_of_the_size_asked(live: ComfyUI, small: Txt2Img, tmp_path: Path) -> None:
    first = kept(run(live, small), tmp_path)
    box = Shape(points=((0.25, 0.25), (0.75, 0.75)))
    trials = [
        (small.model_copy(update={"hires": Hires(scale=1.5)}), (96, 96)),
        (Img2Img(id="s", steps=2, width=96, height=64, resize="pad"), (96, 64)),
        (Img2Img(id="s", steps=2, mask_shapes=(box,), mask_padding=4), (64, 64)),
        (Refiner(id="s", steps=2), (64, 64)),
        (Upscale(id="s", width=150, height=131), (150, 131)),
        (Upscale(id="s", factor=1.5, denoise=0.3, steps=2, tile=64, overlap=8), (96, 96)),
    ]
    for config, size in trials:
        made = run(live, config, *([] if isinstance(config, Txt2Img) else [first]))
        with Image.open(io.BytesIO(made.pictures[0].content)) as opened:
            assert opened.size == size, config
        assert made.suspect is None


def test_what_lies_outside_a_mask_comes_back_to_the_pixel(live: ComfyUI, small: Txt2Img, tmp_path: Path) -> None:
    first = kept(run(live, small), tmp_path)
    box = Shape(points=((0.5, 0.5), (1.0, 1.0)))
    made = run(live, Img2Img(id="s", steps=2, denoise=1.0, mask_shapes=(box,), mask_blur=0), first)
    with Image.open(first) as before, Image.open(io.BytesIO(made.pictures[0].content)) as after:
        outside = (0, 0, 64, 32)
        assert before.convert("RGB").crop(outside).tobytes() == after.convert("RGB").crop(outside).tobytes()
        assert before.convert("RGB").tobytes() != after.convert("RGB").tobytes()


def test_a_cancel_takes_effect_and_the_next_one_runs(live: ComfyUI, small: Txt2Img) -> None:
    listener = Listener(lambda step, _, doing: doing == "sampling" and step >= 2)
    with pytest.raises(Cancelled):
        live.run(work(small.model_copy(update={"steps": 400, "width": 128}), seed=seed()), listener)
    waiting = live.server.queue()
    assert not waiting.running and not waiting.pending
    assert run(live, small).pictures


def test_two_clients_at_once_each_get_their_own(live: ComfyUI, small: Txt2Img) -> None:
    seeds = [seed() for _ in range(4)]
    found: dict[int, bytes] = {}

    def client(drawn: list[int]) -> None:
        own = ComfyUI(Options(clock=time.monotonic, url=URL))
        for each in drawn:
            found[each] = pixels(run(own, small, drawn=each).pictures[0].content)

    threads = [threading.Thread(target=client, args=(part,)) for part in (seeds[:2], seeds[2:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {each: pixels(run(live, small, drawn=each).pictures[0].content) for each in seeds}


@pytest.mark.parametrize("format", ["api", "ui"])
def test_an_exported_job_gives_the_same_pixels(live: ComfyUI, small: Txt2Img, tmp_path: Path, format: str) -> None:
    drawn = seed()
    stages = (
        small.model_copy(update={"id": "first", "hires": Hires(scale=1.5, steps=2)}),
        Img2Img(id="over", steps=2, denoise=0.4, model=small.model),
        Upscale(id="large", factor=1.5, upscaler="Bicubic"),
    )
    inputs: list[Path] = []
    for config in stages:
        made = run(live, config, *inputs, drawn=drawn)
        inputs = [kept(made, tmp_path)]
    wish = {"stages": [{"id": stage.id, "config": stage.model_dump(mode="json")} for stage in stages],
            "prompt": "a lighthouse", "negative": "fog", "seed": drawn, "format": format}  # fmt: skip
    out, err = io.StringIO(), io.StringIO()
    assert main([], io.StringIO(json.dumps(wish)), out, err) == 0 and not err.getvalue()
    graph = json.loads(out.getvalue())
    graph = to_api(graph, live.lists()) if format == "ui" else graph
    past = Watch(live.server, time.monotonic).run(graph, {}, {}, Listener()).past
    (node,) = past.outputs
    assert pixels(live.server.view(past.images(node)[0]).body) == pixels(made.pictures[0].content)


def test_it_refuses_as_the_fake_does(live: ComfyUI, small: Txt2Img, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same spoilt graphs to both: the same kind of trouble."""
    from agent.backends.comfyui.graph import Graph
    from agent.backends.comfyui.server import Comfy

    api = Graph.api
    changes = [{"ckpt_name": "gone.safetensors"}, {"steps": 0}, {"cfg": 900}, {"vae": ["1", 0]}, {"samples": ["99", 0]}]
    with ComfyFake() as fake:
        for change in changes:

            def spoilt(graph: Graph, change: dict[str, object] = change) -> dict[str, object]:
                written = api(graph)
                for node in written.values():
                    node["inputs"] |= {name: value for name, value in change.items() if name in node["inputs"]}
                return written

            monkeypatch.setattr(Graph, "api", spoilt)
            played = trouble(fake, small.model_copy(update={"model": "toy"}))
            real = Comfy(URL, "")
            fake_url, fake.port = fake.port, real.http.port
            try:
                told = trouble(fake, small)
            finally:
                fake.port = fake_url
            assert told.trouble == played.trouble == "bad-request", (change, told, played)
