"""What a WebUI has, in both flavours, and what its folder says while it is down."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_world import SMALL, World, painted, world

from agent.backends import BackendTrouble
from agent.backends.webui.folder import stock_of
from agent.backends.webui.stock import stem
from schema.orders import Gpu
from schema.stages import Detail

pytestmark = pytest.mark.servers


def test_the_card_of_forge() -> None:
    with world(Engine("forge")) as one:
        card = one.backend.card()
    assert card.models == ("other.safetensors", "sub/deep.safetensors", "toy.safetensors")
    assert (card.vaes, card.encoders) == (("sea.safetensors", "sky.vae.pt"), ("t5.safetensors",))
    assert (card.samplers[0], card.schedulers) == ("DPM++ 2M", ("Automatic", "Karras", "SGM Uniform"))
    assert card.upscalers == ("Lanczos", "4x-sharp", "Latent") or set(card.upscalers) == {
        "Lanczos",
        "4x-sharp",
        "Latent",
    }
    assert (card.loras, card.embeddings) == (("haze", "haze_alias"), ("fine_detail", "sdxl_words"))
    assert (card.hypernetworks, card.restorers) == (("watercolour",), ("codeformer", "gfpgan"))
    assert card.controls == ("control_canny [ab12cd34]",)
    assert card.control_processors == ("canny", "invert (from white bg & black line)")
    assert card.interrogators == ("clip", "deepdanbooru")
    assert card.kinds == (
        "txt2img", "img2img", "refiner", "upscale", "face_restore", "interrogate", "refine", "post", "resize",
    )  # fmt: skip


def test_the_card_of_a1111() -> None:
    with world(Engine("a1111")) as one:
        card = one.backend.card()
    assert (card.vaes, card.encoders, card.controls) == (("sea.safetensors", "sky.vae.pt"), (), ())
    assert card.release == "AUTOMATIC1111"


def test_the_flavour_where_the_servers_own_page_is_switched_off() -> None:
    for flavour in ("a1111", "forge"):
        with world(Engine(flavour)) as one:
            routes = one.server.answer
            one.server.answer = lambda method, path, body, whole, routes=routes: (  # type: ignore[method-assign]
                {} if path == "/openapi.json" else routes(method, path, body, whole)
            )
            one.run()
            assert one.engine.flavour == one.backend._ready().flavour


def test_flags_are_never_asked_for() -> None:
    """Forge fails at it."""
    with world() as one:
        one.run()
        assert "/sdapi/v1/cmd-flags" not in one.server.paths("GET")


def test_detectors_where_adetailer_is_there(tmp_path: Path) -> None:
    with world() as one:
        assert one.backend.card().detectors == ()
        with pytest.raises(BackendTrouble, match="no ADetailer"):
            one.run(Detail(), painted(tmp_path / "in.png"))
        one.server.adetailer = True
        one.backend.refresh()
        card = one.backend.card()
    assert "detail" in card.kinds
    assert card.detectors == ("face", "hand", "face_yolov8n.pt", "hand_yolov8n.pt")


def test_refresh_tells_the_server_to_look_again() -> None:
    with world() as one:
        one.backend.card()
        one.engine.loras.append("mist")
        assert "mist" not in one.backend.card().loras  # lists are kept for a while
        one.backend.refresh()
        assert "mist" in one.backend.card().loras
        told = [path.rpartition("/")[2] for path in one.server.paths()]
    assert told == ["refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings"]


def test_a_name_that_came_since_is_found_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.backends.webui.YOUNG_S", 0.0)
    with world() as one:
        one.backend.card()
        one.engine.loras.append("mist")
        assert one.run(SMALL, prompt="x <lora:mist:1>").pictures


def test_a_look_at_the_card_of_a_ready_server_is_short() -> None:
    with world() as one:
        one.backend.card()
        one.server.seen.clear()
        one.backend.card()
        assert [path.rpartition("/")[2] for path in one.server.paths("GET")] == ["progress", "options", "memory"]


def test_the_card_is_there_while_a_job_runs() -> None:
    with world(Engine(step_s=0.01)) as one:
        running = one.start(SMALL.model_copy(update={"steps": 50}))
        one.busy()
        assert one.backend.card().state == "ready"
        assert not running.over
        running.end()


def test_memory_and_device() -> None:
    with world() as one:
        assert one.backend.gpus() == ()  # nothing is asked before the first look
        one.backend.card()
        assert one.backend.gpus() == (Gpu(name=f"of 127.0.0.1:{one.server.server_port}", vram_gb=12.0),)
        assert (one.backend.memory().total_gb, one.backend.memory().used_gb) == (12.0, 8.0)
        assert one.run().peak_vram_gb == 0.0  # of one stage it is not known: others use the device too


def test_free_unloads() -> None:
    with world() as one:
        one.run()
        assert one.backend.memory().resident == ("toy.safetensors",)
        one.backend.free()
        assert (one.engine.loaded, one.backend.memory().resident) == ("", ())
        assert one.run().pictures  # and it simply loads again


def test_free_leaves_another_clients_job_its_model() -> None:
    with world() as one:
        one.run()
        one.engine.state.begin("scripts_txt2img")
        one.backend.free()
        assert one.engine.loaded == "toy.safetensors"


def test_a_server_that_is_silent_is_not_gone() -> None:
    with world() as one:
        one.backend._door.server.timeout = 0.05
        routes = one.server.answer
        one.server.answer = lambda *asked: one.engine.dead.wait(0.5) or routes(*asked)  # type: ignore[method-assign]
        card = one.backend.card()
    assert (card.state, "loading a model" in card.trouble) == ("starting", True)


def test_a1111_has_its_own_model_loaded_from_the_start() -> None:
    with world(Engine("a1111")) as one:
        one.backend.card()
        assert one.backend.memory().resident == ("toy.safetensors",)


# The folder ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "models/Stable-diffusion/toy.safetensors", "models/Stable-diffusion/sub/deep.ckpt", "models/VAE/sea.pt",
        "models/Stable-diffusion/toy.png", "models/Lora/x/haze.safetensors", "embeddings/fine_detail.pt",
        "models/ESRGAN/4x-sharp.pth", "models/hypernetworks/watercolour.pt", "models/ControlNet/canny.safetensors",
        "models/adetailer/face_yolov8n.pt", "models/text_encoder/t5.safetensors",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize("below", ["", "models"])
def test_the_lists_of_a_server_that_is_down_come_from_its_folder(folder: Path, below: str) -> None:
    with world(models=folder / below) as one:
        one.server.kill()
        card = one.backend.card()
    assert card.state == "disconnected"
    assert card.models == ("sub/deep.ckpt", "toy.safetensors")
    assert (card.vaes, card.encoders, card.loras) == (("sea.pt",), ("t5.safetensors",), ("haze",))
    assert (card.embeddings, card.hypernetworks) == (("fine_detail",), ("watercolour",))
    assert (card.upscalers, card.controls) == (("4x-sharp",), ("canny",))
    assert card.detectors == ("face", "face_yolov8n.pt")
    assert card.samplers == ()


def test_the_servers_own_lists_are_kept_while_it_is_down(folder: Path) -> None:
    with world(models=folder) as one:
        before = one.backend.card()
        one.server.kill()
        after = one.backend.card()
    assert (after.models, after.samplers) == (before.models, before.samplers)


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert stock_of(tmp_path / "nowhere").models == ()


@pytest.mark.parametrize("name", ["sub/toy.safetensors [ab12cd34]", "toy", "TOY.ckpt", "sub\\toy.safetensors"])
def test_info_names_a_model_by_its_stem(name: str) -> None:
    assert stem(name) == "toy"


def test_a_job_before_the_first_card(tmp_path: Path) -> None:
    with world() as one:
        assert isinstance(one, World)
        assert one.run().pictures
