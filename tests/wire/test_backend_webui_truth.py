"""A WebUI takes something else in silence, cuts sizes, adds pictures and leaks settings: all of it is found out."""

import base64
import io
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_world import SMALL, World, painted, world

from agent.backends import BackendTrouble
from agent.backends.webui.infotext import fields, fields_in
from schema.parts import Control, Hires
from schema.stages import FaceRestore, Img2Img, Interrogate, Txt2Img, Upscale

pytestmark = pytest.mark.servers


@pytest.fixture(params=("a1111", "forge"))
def one(request: pytest.FixtureRequest):
    with world(Engine(request.param)) as made:
        yield made


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return painted(tmp_path / "in.png")


# Names that are not there -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "prompt", "sentence"),
    [
        ({"sampler": "Eulr a"}, "x", "no sampler 'Eulr a'; the nearest it has: Euler a"),
        ({"scheduler": "Karas"}, "x", "no scheduler 'Karas'; the nearest it has: Karras"),
        ({"model": "tay"}, "x", "no model 'tay'; the nearest it has: toy.safetensors"),
        ({"vae": "see"}, "x", "no VAE 'see'; the nearest it has: sea.safetensors"),
        ({"hires": Hires(upscaler="Latnt")}, "x", "no upscaler 'Latnt'; the nearest it has: Latent"),
        ({"hypernetwork": "watercolor"}, "x", "no hypernetwork 'watercolor'; the nearest it has: watercolour"),
        ({}, "x <lora:hase:1>", "no LoRA 'hase'; the nearest it has: haze"),
        ({}, "x <embedding:fine_detial>", "no embedding 'fine_detial'; the nearest it has: fine_detail"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value) or "prompt",
)
def test_what_the_server_would_replace_in_silence_is_refused_before(
    one: World, change: dict[str, object], prompt: str, sentence: str
) -> None:
    with pytest.raises(BackendTrouble) as refused:
        one.run(SMALL.model_copy(update=change), prompt=prompt)
    assert refused.value.trouble == "bad-request"
    assert sentence in refused.value.sentence
    assert one.server.bodies("/txt2img") == []


def test_an_upscaler_that_was_never_downloaded_is_not_there(one: World, picture: Path) -> None:
    assert "R-ESRGAN 4x+" not in one.backend.card().upscalers
    with pytest.raises(BackendTrouble, match="no upscaler 'R-ESRGAN 4x\\+'"):
        one.run(Upscale(upscaler="R-ESRGAN 4x+"), picture)


def test_a_latent_upscaler_works_in_the_hires_pass_only(one: World, picture: Path) -> None:
    with pytest.raises(BackendTrouble, match="hires pass only"):
        one.run(Upscale(upscaler="Latent"), picture)


@pytest.mark.parametrize(("asked", "sampler", "scheduler"), [
    ("k_euler_a", "Euler a", "Automatic"), ("DPM++ 2M Karras", "DPM++ 2M", "Karras"),
    ("dpmpp_2m_sgm_uniform", "DPM++ 2M", "SGM Uniform"), (None, "Euler a", "Automatic"),
])  # fmt: skip
def test_every_dialect_of_samplers_becomes_the_servers_and_the_record_the_label(
    one: World, asked: str | None, sampler: str, scheduler: str
) -> None:
    made = one.run(SMALL.model_copy(update={"sampler": asked}))
    sent = one.last("/txt2img")
    assert (sent["sampler_name"], sent["scheduler"]) == (sampler, scheduler)
    assert (made.effective["sampler"], made.effective["scheduler"]) == (sampler, scheduler)


@pytest.mark.parametrize("name", ["toy", "TOY.safetensors", "toy.safetensors [0011223344]", "sub\\deep", "deep"])
def test_every_spelling_of_a_file_is_the_file(one: World, name: str) -> None:
    made = one.run(SMALL.model_copy(update={"model": name}))
    assert made.effective["model"] == ("sub/deep.safetensors" if "deep" in name else "toy.safetensors")


# What it did otherwise ----------------------------------------------------------------------------


@pytest.mark.parametrize("swapped", [{"swap_sampler": "Heun"}, {"swap_model": "other"}])
def test_a_substitution_after_all_is_trouble_and_keeps_no_picture(swapped: dict[str, str]) -> None:
    with world(Engine(**swapped)) as one, pytest.raises(BackendTrouble, match="was asked for") as found:
        one.run(SMALL.model_copy(update={"sampler": "Euler a"}))
    assert found.value.trouble == "backend"


def test_a_vae_that_went_missing_is_found_out() -> None:
    with world(Engine("forge")) as one:
        one.backend.card()
        vae = one.engine.vaes.pop(0)
        with pytest.raises(BackendTrouble, match="used module 'none' where 'sea"):
            one.run(SMALL.model_copy(update={"vae": vae}))


@pytest.mark.parametrize(("width", "nearest"), [(65, "take 64 or 72"), (1000 + 4, "take 1000 or 1008")])
def test_a_width_that_would_be_cut_is_refused(one: World, width: int, nearest: str) -> None:
    with pytest.raises(BackendTrouble, match=f"width {width} is not divisible by 8; {nearest}") as refused:
        one.run(Txt2Img(width=width, height=64))
    assert refused.value.trouble == "bad-request"
    assert one.server.bodies("/txt2img") == []


def test_a_picture_of_another_size_is_suspect(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "_picture", lambda self, asked: Image.new("RGB", (32, 64)))
    made = one.run()
    assert made.suspect == "64x64 was asked for and the WebUI made 32x64"
    assert len(made.pictures) == 1


def test_the_record_says_what_the_server_says(one: World) -> None:
    made = one.run(SMALL.model_copy(update={"cfg": 6.0, "clip_skip": 2, "vae": "sea"}))
    expected = {
        "model": "toy.safetensors", "vae": "sea.safetensors", "sampler": "Euler a", "scheduler": "Automatic",
        "steps": 4, "cfg": 6.0, "clip_skip": 2, "width": 64, "height": 64, "hires": None, "refiner": None, "batch": 1,
    }  # fmt: skip
    assert {name: made.effective[name] for name in expected} == expected
    assert set(made.effective) == set(Txt2Img.model_fields) - {"id", "type", "enabled"}
    assert "Clip skip: 2" in str(made.reported["infotext"])
    assert (made.reported["model_name"], made.reported["flavour"]) == ("toy", one.engine.flavour)


# How many pictures --------------------------------------------------------------------------------


def test_a_grid_before_the_pictures_and_maps_behind_them_are_not_pictures(
    monkeypatch: pytest.MonkeyPatch, picture: Path
) -> None:
    """A server that saves on its own account puts a grid before them, whatever was asked."""
    answered = Engine._answer
    monkeypatch.setattr(
        Engine,
        "_answer",
        lambda self, kind, asked, images: answered(self, kind, {**asked, "save_images": True}, images),
    )
    with world() as one:
        one.engine.options.override = lambda values: {}  # type: ignore[method-assign]
        unit = Control(model="control_canny", image="a" * 64)
        config = SMALL.model_copy(update={"batch": 4, "controls": (unit,)})
        made = one.run(config, controls={"a" * 64: picture})
        sizes = {Image.open(io.BytesIO(each.content)).size for each in made.pictures}
    assert (len(made.pictures), [each.seed for each in made.pictures], sizes) == (4, [7, 8, 9, 10], {(64, 64)})
    assert made.reported["extra_pictures"] == 1


def test_a_controlnet_that_failed_inside_is_found_by_its_missing_map(picture: Path) -> None:
    unit = Control(model="control_canny", processor="canny")
    with world(Engine(without_network=True)) as one, pytest.raises(BackendTrouble, match="without 1 of its ControlNet"):
        one.run(Img2Img(steps=4, controls=(unit,)), picture)


@pytest.mark.parametrize(("form", "magic"), [("png", b"\x89PNG"), ("jpg", b"\xff\xd8"), ("webp", b"RIFF")])
def test_the_servers_own_format_is_kept_and_seen_from_the_bytes(one: World, form: str, magic: bytes) -> None:
    """Encoding happens after our override was put back; what another client leaked decides."""
    one.engine.options.stored["samples_format"] = form
    made = one.run()
    assert made.pictures[0].content.startswith(magic)
    assert made.suspect is None


def test_a_data_uri_is_a_picture_too(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = Engine._encoded
    monkeypatch.setattr(
        Engine, "_encoded", lambda self, picture, text: "data:image/png;base64," + encoded(self, picture, text)
    )
    assert one.run().pictures[0].content.startswith(b"\x89PNG")


def test_the_bytes_are_the_servers_own(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    encoded = Engine._encoded

    def kept(self: Engine, picture: Image.Image, text: str) -> str:
        sent.append(encoded(self, picture, text))
        return sent[-1]

    monkeypatch.setattr(Engine, "_encoded", kept)
    assert one.run().pictures[0].content == base64.b64decode(sent[0])


# Settings that leak -------------------------------------------------------------------------------


def test_our_overrides_stay_with_nobody(one: World) -> None:
    """On a fresh install an override of a key that is not in config.json stays for every later request."""
    before = one.engine.options.told()
    one.run(SMALL.model_copy(update={"vae": "sea", "clip_skip": 2}))
    one.run(SMALL.model_copy(update={"vae": "sky.vae.pt", "clip_skip": 3}))
    after = one.engine.options.told()
    assert {key: after[key] for key in before} == before


def test_what_another_client_leaked_changes_none_of_our_pictures(one: World) -> None:
    one.backend.card()
    leaked = {"CLIP_stop_at_last_layers": 4, "return_grid": True}
    one.engine.options.override(leaked)
    made = one.run()
    assert "Clip skip" not in str(made.reported["infotext"])
    assert made.effective["clip_skip"] == 1


def test_the_settings_are_pinned_once_and_as_whole_numbers(one: World) -> None:
    one.run()
    one.run()
    pinned = [body for body in one.engine.options.posted if "samples_format" in body]
    assert len(pinned) == 1
    assert type(pinned[0]["CLIP_stop_at_last_layers"]) is int
    assert pinned[0]["return_grid"] is True


def test_settings_are_not_pinned_while_another_clients_overrides_are_in_force(one: World) -> None:
    one.backend.card()
    one.engine.state.begin("scripts_txt2img")
    one.engine.state.job_count = 1
    one.backend._pinned_of(one.backend._ready())
    assert one.engine.options.posted == []
    one.engine.state.end()
    one.run()
    assert one.engine.options.posted != []


def test_an_option_the_server_does_not_have_is_not_sent(one: World) -> None:
    """One unknown key fails the whole request."""
    del one.engine.options.defaults["return_mask_composite"]
    one.run()
    assert "return_mask_composite" not in one.last("/txt2img")["override_settings"]  # type: ignore[operator]


# What is claimed but not done -----------------------------------------------------------------------


def test_a_restorer_without_weights_did_nothing(picture: Path) -> None:
    with world() as one:
        made = one.run(FaceRestore(strength=0.8), picture)
        assert made.effective["strength"] == 0.0
        assert "unchanged" in str(made.reported["restored"])


def test_an_interrogator_without_weights_answers_an_error_as_if_it_were_a_caption(picture: Path) -> None:
    with world() as one, pytest.raises(BackendTrouble, match="weights are missing") as found:
        one.run(Interrogate(), picture)
    assert found.value.trouble == "bad-request"


def test_an_unknown_interrogator_is_refused_before(picture: Path) -> None:
    with world() as one:
        with pytest.raises(BackendTrouble, match="no interrogator 'blip'"):
            one.run(Interrogate(model="blip"), picture)
        assert one.server.bodies("/interrogate") == []


# The infotext itself --------------------------------------------------------------------------------


def test_an_infotext_is_read_with_all_its_oddities() -> None:
    text = (
        "a: b, c: d\nNegative prompt: fog\n"
        'Steps: 24, Sampler: DPM++ 2M, Schedule type: Karras, Size: 832x1216, Model: toy, Lora hashes: "a: 11, b: 22", '
        'Civitai resources: [{"type":"x","id":1},{"id":2}], ControlNet 0: "Module: canny, Model: c [ab]", Version: v1'
    )
    read = fields(text)
    expected = {"Steps": "24", "Lora hashes": "a: 11, b: 22", "ControlNet 0": "Module: canny, Model: c [ab]",
                "Version": "v1", "Schedule type": "Karras"}  # fmt: skip
    assert {key: read[key] for key in expected} == expected
    assert fields("just words") == {}


def test_an_infotext_in_the_exif_of_a_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "in.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "x\nSteps: 5, Sampler: Heun, Model: toy".encode("utf-16-be")
    painted(path, exif=exif)
    assert fields_in(path).get("Model") == "toy"
    (tmp_path / "no.png").write_bytes(b"nothing")
    assert fields_in(tmp_path / "no.png") == {}
