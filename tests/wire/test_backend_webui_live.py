"""The backend before a real WebUI or Forge, whose address is in STABLENEW_TEST_WEBUI; small random weights will do."""

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_world import Listener, work

from agent.backends import BackendTrouble, Cancelled, Made, Options
from agent.backends.webui import WebUI
from agent.backends.webui.infotext import fields
from agent.http import Server
from schema.orders import BackendCard
from schema.parts import Hires, Shape
from schema.stages import Img2Img, Interrogate, Txt2Img, Upscale

URL = os.environ.get("STABLENEW_TEST_WEBUI", "")
pytestmark = [
    pytest.mark.skipif(not URL, reason="set STABLENEW_TEST_WEBUI to the address of a running SD WebUI or Forge"),
    pytest.mark.story,
    pytest.mark.timeout(900),
]

SMALL = Txt2Img(width=64, height=64, steps=4)
BARE = {
    "prompt": "x", "negative_prompt": "", "seed": 1, "steps": 40, "width": 128, "height": 128, "cfg_scale": 7,
    "sampler_name": "Euler a", "scheduler": "Automatic", "batch_size": 1, "n_iter": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def backend() -> Iterator[WebUI]:
    made = WebUI(Options(clock=time.monotonic, url=URL, auth=os.environ.get("STABLENEW_AGENT_AUTH", "")))
    card = made.card()
    assert card.state == "ready", card.trouble
    yield made
    made.close()


@pytest.fixture(scope="module")
def card(backend: WebUI) -> BackendCard:
    return backend.card()


@pytest.fixture(scope="module")
def picture(backend: WebUI, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "in.png"
    path.write_bytes(backend.run(work(SMALL), Listener()).pictures[0].content)
    return path


def sizes(made: Made) -> list[tuple[int, int]]:
    return [Image.open(io.BytesIO(each.content)).size for each in made.pictures]


def test_what_was_recorded_is_what_the_server_says(backend: WebUI, card: BackendCard) -> None:
    config = Txt2Img(width=64, height=64, steps=5, cfg=6.0, sampler="DPM++ 2M", scheduler="Karras", clip_skip=2,
                     model=card.models[-1])  # fmt: skip
    made = backend.run(work(config, seed=42), Listener())
    told = fields(str(made.reported["infotext"]))
    expected = {"Steps": "5", "Sampler": "DPM++ 2M", "Schedule type": "Karras", "CFG scale": "6.0", "Seed": "42",
                "Size": "64x64", "Clip skip": "2"}  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    assert (made.effective["sampler"], made.effective["scheduler"], made.effective["cfg"]) == (
        "DPM++ 2M",
        "Karras",
        6.0,
    )
    assert made.effective["model"] == card.models[-1]
    assert (sizes(made), made.suspect, made.pictures[0].seed) == ([(64, 64)], None, 42)


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(backend: WebUI) -> None:
    pixels = []
    for seed in (5, 5, 6):
        made = backend.run(work(SMALL, seed=seed), Listener())
        pixels.append(Image.open(io.BytesIO(made.pictures[0].content)).tobytes())
    assert pixels[0] == pixels[1] != pixels[2]


def test_a_batch(backend: WebUI) -> None:
    made = backend.run(work(SMALL.model_copy(update={"batch": 3}), seed=10), Listener())
    assert (sizes(made), [each.seed for each in made.pictures]) == ([(64, 64)] * 3, [10, 11, 12])


def test_hires(backend: WebUI) -> None:
    made = backend.run(work(SMALL.model_copy(update={"hires": Hires(scale=2.0, steps=3)})), Listener())
    assert (sizes(made), made.suspect) == ([(128, 128)], None)


def test_img2img_inside_a_mask_only(backend: WebUI, picture: Path) -> None:
    box = Shape(points=((0.0, 0.0), (0.25, 0.25)))
    made = backend.run(work(Img2Img(steps=6, denoise=1.0, mask_shapes=(box,), mask_blur=0), picture), Listener())
    after = Image.open(io.BytesIO(made.pictures[0].content)).convert("RGB").crop((32, 32, 64, 64))
    before = Image.open(picture).convert("RGB").crop((32, 32, 64, 64))
    assert after.tobytes() == before.tobytes()


def test_upscale(backend: WebUI, card: BackendCard, picture: Path) -> None:
    for name in [name for name in card.upscalers if not name.startswith("Latent")][:4]:
        made = backend.run(work(Upscale(upscaler=name, factor=2.0), picture, picture), Listener())
        assert (sizes(made), made.suspect) == ([(128, 128)] * 2, None)


def test_names_that_are_not_there(backend: WebUI) -> None:
    for change in ({"model": "no-such-model"}, {"sampler": "no-such-sampler"}, {"width": 65}):
        with pytest.raises(BackendTrouble) as refused:
            backend.run(work(SMALL.model_copy(update=change)), Listener())
        assert refused.value.trouble == "bad-request"


def test_our_overrides_stay_with_nobody(backend: WebUI, card: BackendCard) -> None:
    server = Server(URL)
    keys = ("CLIP_stop_at_last_layers", "sd_vae", "forge_additional_modules", "return_grid", "samples_format")

    def told() -> dict[str, object]:
        options = server.get("/sdapi/v1/options").read(dict[str, object])
        return {key: options.get(key) for key in keys}

    before = told()
    vae = card.vaes[0] if card.vaes else None
    backend.run(work(SMALL.model_copy(update={"clip_skip": 3, "vae": vae})), Listener())
    assert told() == before


def test_a_long_stage_is_cancelled_and_the_next_is_whole(backend: WebUI) -> None:
    listener, ended = Listener(), []

    def run() -> None:
        try:
            backend.run(work(Txt2Img(width=128, height=128, steps=400)), listener)
        except Cancelled as cancelled:
            ended.append(cancelled)

    thread = threading.Thread(target=run)
    thread.start()
    until_long(lambda: "sampling" in listener.doing)
    listener.unwanted.set()
    thread.join(120)
    assert len(ended) == 1
    assert backend.run(work(SMALL), Listener()).pictures


def test_a_second_client_at_once_is_never_interrupted(backend: WebUI) -> None:
    server, answers = Server(URL), []
    listener = Listener()
    long = work(Txt2Img(width=128, height=128, steps=300))
    ours = threading.Thread(target=lambda: _swallow(lambda: backend.run(long, listener)))
    theirs = threading.Thread(
        target=lambda: answers.append(server.post("/sdapi/v1/txt2img", BARE, timeout=600).read(dict[str, object]))
    )  # fmt: skip
    ours.start()
    until_long(lambda: "sampling" in listener.doing)
    theirs.start()
    time.sleep(1.0)  # until it waits behind ours
    listener.unwanted.set()
    ours.join(300)
    theirs.join(300)
    again = server.post("/sdapi/v1/txt2img", BARE, timeout=600).read(dict[str, object])
    assert answers[0]["images"] == again["images"], "the other client's picture was cut short"


def test_an_interrogation_either_works_or_says_why_not(backend: WebUI, picture: Path) -> None:
    try:
        assert backend.run(work(Interrogate(), picture), Listener()).reported["caption"]
    except BackendTrouble as trouble:
        assert (trouble.trouble, "weights" in trouble.sentence) == ("bad-request", True)


def until_long(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _swallow(call: Callable[[], object]) -> None:
    try:
        call()
    except Cancelled:
        return
