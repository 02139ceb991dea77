"""Every way a WebUI fails: its four shapes of errors told apart, and a sentence for what is no WebUI at all."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_state import Failure
from webui_world import SMALL, World, painted, world

from agent.backends import BackendTrouble
from agent.backends.webui.errors import classified, fault_of
from agent.http import Answer
from schema.stages import Img2Img, Upscale

pytestmark = pytest.mark.servers


@pytest.fixture(params=("a1111", "forge"))
def one(request: pytest.FixtureRequest):
    with world(Engine(request.param)) as made:
        yield made


def trouble_of(one: World, *inputs: Path) -> BackendTrouble:
    with pytest.raises(BackendTrouble) as found:
        one.run(Img2Img(steps=4) if inputs else SMALL, *inputs)
    return found.value


# The four shapes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":"HTTPException","detail":"no \'nope\'","body":"","errors":""}', "no 'nope'"),
        (b'{"detail":"Script \'nope\' not found"}', "Script 'nope' not found"),
        (b'{"error":"RuntimeError","detail":"","body":"","errors":"from a1111"}', "from a1111"),
        (b'{"error":"RuntimeError","detail":"","body":"","message":"from forge"}', "from forge"),
        (b'{"detail":[{"loc":["body","steps"],"msg":"no int","type":"type_error.integer"}]}', "steps: no int"),
        (b'{"detail":[{"loc":["body","steps"],"msg":"bad","type":"int_parsing","input":"x","url":"u"}]}', "steps: bad"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b"Internal Server Error", "Internal Server Error"),
        (b"<html>oops</html>", "a web page"),
        (b"", "nothing"),
        (b'{"detail":' + b"[" * 300_000, '{"detail":' + "[" * 190 + "…"),
        (b'{"detail":' + b"[" * 700 + b"]" * 700 + b"}", '{"detail":' + "[" * 190 + "…"),
    ],
)  # fmt: skip
def test_the_message_is_found_in_every_shape(body: bytes, message: str) -> None:
    assert fault_of(Answer(500, {}, body, "http://x/sdapi/v1/txt2img")).message == message


@pytest.mark.parametrize(
    ("kind", "text", "trouble"),
    [
        ("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB", "out-of-memory"),
        ("RuntimeError", "MPS backend out of memory", "out-of-memory"),
        ("RuntimeError", "DefaultCPUAllocator: can't allocate memory: you tried", "out-of-memory"),
        ("ZeroDivisionError", "division by zero", "bad-request"),
        ("IndexError", "list index out of range", "bad-request"),
        ("KeyError", "'no_such_option'", "bad-request"),
        ("TypeError", "argument of type 'NoneType' is not iterable", "bad-request"),
        ("AssertionError", "could not find upscaler named Nope", "bad-request"),
        ("Exception", "could not find upscaler named Nope", "bad-request"),
        ("HTTPException", "Invalid encoded image", "bad-request"),
        ("RuntimeError", "model 'nope' not found", "bad-request"),
        ("NansException", "A tensor with NaNs was produced in Unet.", "suspect"),
        ("RuntimeError", "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR", "backend"),
    ],
)
def test_a_500_means_what_its_words_mean(one: World, kind: str, text: str, trouble: str) -> None:
    one.engine.fault = Failure(kind, text)
    found = trouble_of(one)
    assert found.trouble == trouble
    assert text in found.sentence


@pytest.mark.parametrize(("change", "words"), [
    ({"steps": 0}, "division by zero"), ({"steps": "many"}, "steps"), ({"batch_size": 0}, "list index"),
    ({"enable_hr": True, "hr_upscaler": "Nope", "hr_additional_modules": []}, "could not find upscaler"),
    ({"script_name": "nope"}, "nope"), ({"alwayson_scripts": {"Nope": {"args": []}}}, "Nope"),
    ({"override_settings": {"nope": 1}}, "nope"),
])  # fmt: skip
def test_what_will_always_fail_is_a_bad_request(one: World, change: dict[str, object], words: str) -> None:
    one.run()
    answer = one.backend._door.server.post("/sdapi/v1/txt2img", one.last("/txt2img") | change)
    trouble = classified(answer)
    assert (trouble.trouble, words in trouble.sentence) == ("bad-request", True)


def test_hires_without_its_modules_fails_on_forge_only() -> None:
    for flavour, status in (("forge", 500), ("a1111", 200)):
        with world(Engine(flavour)) as one:
            one.run()
            change = {"enable_hr": True, "hr_upscaler": "Latent", "hr_additional_modules": None}
            assert one.backend._door.server.post("/sdapi/v1/txt2img", one.last("/txt2img") | change).status == status


def test_img2img_without_its_picture_is_a_404_of_its_own(one: World) -> None:
    one.run()
    answer = one.backend._door.server.post("/sdapi/v1/img2img", one.last("/txt2img"))
    assert (answer.status, fault_of(answer).message) == (404, "Init image not found")


# Answers that are none ----------------------------------------------------------------------------


def test_what_is_nested_beyond_reading_in_place_of_what_was_used(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    nested = {"images": [], "info": "[" * 300_000}
    monkeypatch.setattr(Engine, "paint", lambda self, kind, asked: nested)
    found = trouble_of(one)
    assert (found.trouble, "nothing readable" in found.sentence) == ("backend", True)


def test_a_truncated_picture(one: World) -> None:
    one.engine.truncated = True
    found = trouble_of(one)
    assert (found.trouble, "truncated" in found.sentence) == ("backend", True)


def test_a_web_page_in_place_of_a_picture(one: World, tmp_path: Path) -> None:
    one.engine.page_for_picture = True
    assert "a web page" in trouble_of(one).sentence
    with pytest.raises(BackendTrouble, match="a web page"):
        one.run(Upscale(upscaler="Lanczos"), painted(tmp_path / "in.png"))


def test_no_picture_at_all(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "_encoded", lambda self, picture, text: "")
    assert trouble_of(one).sentence == "the WebUI answered no picture"


def test_an_input_that_is_no_picture_is_refused_before(one: World, tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    path.write_bytes(b"no picture")
    found = trouble_of(one, path)
    assert found.trouble == "bad-request"
    assert one.server.bodies("/img2img") == []


def test_a_black_picture_comes_back_as_it_is(one: World) -> None:
    """NaN in a model: Forge says nothing of it. Whoever verifies the file finds it."""
    one.engine.black = True
    assert one.run().pictures


@pytest.mark.parametrize("face", ["page", "redirect", "gateway"])
def test_an_address_that_turned_into_something_else(one: World, face: str) -> None:
    one.backend.card()
    one.server.face = face
    assert trouble_of(one).trouble in ("lost", "backend")
    assert one.backend.card().state != "ready"


# The card's state and what to do about it ------------------------------------------------------------


def test_ready(one: World) -> None:
    card = one.backend.card()
    assert (card.state, card.trouble, card.url) == ("ready", "", one.server.url)
    one.run()
    assert one.backend.card().release in ("Forge f2.0.1v1.10.1", "AUTOMATIC1111 1.10.1")


def test_nobody_answers(one: World) -> None:
    one.server.kill()
    card = one.backend.card()
    assert card.state == "disconnected"
    assert "connection refused" in card.trouble
    assert "--api" in card.trouble


def test_a_server_that_hangs_up_on_a_look_is_gone(one: World) -> None:
    """As one that was killed just then."""
    one.server.face = "hang up"
    card = one.backend.card()
    assert (card.state, "hung up" in card.trouble) == ("disconnected", True)


@pytest.mark.parametrize(
    ("face", "state", "sentence"),
    [
        ("page", "disconnected", "is no SD WebUI: it sent a web page"),
        ("redirect", "disconnected", "redirects to http://127.0.0.1:1/elsewhere"),
        ("no api", "disconnected", "runs without its API; restart it with the flag --api"),
        ("gateway", "starting", "answers 502"),
    ],
)
def test_what_answers_is_no_webui_that_could_work(one: World, face: str, state: str, sentence: str) -> None:
    one.server.face = face
    card = one.backend.card()
    assert card.state == state
    assert sentence in card.trouble


def test_credentials(one: World) -> None:
    one.server.auth = "ann:secret"
    card = one.backend.card()
    assert (card.state, "STABLENEW_AGENT_AUTH" in card.trouble) == ("disconnected", True)
    found = trouble_of(one)
    assert (found.trouble, "STABLENEW_AGENT_AUTH" in found.sentence) == ("lost", True)
    wrong = World(one.server, auth="ann:wrong")
    assert "refuses the name and password" in wrong.backend.card().trouble
    right = World(one.server, auth="ann:secret")
    assert right.backend.card().state == "ready"
    assert right.run().pictures
    assert "secret" not in right.backend.card().url


def test_credentials_that_changed_meanwhile(one: World) -> None:
    one.run()
    one.server.auth = "ann:secret"
    found = trouble_of(one)
    assert (found.trouble, "STABLENEW_AGENT_AUTH" in found.sentence) == ("lost", True)


def test_a_setting_of_the_wrong_type_poisons_the_server(one: World) -> None:
    """It is accepted, and from then on everything fails until it is put right."""
    one.backend._door.tell("/sdapi/v1/options", {"CLIP_stop_at_last_layers": "abc"})
    card = one.backend.card()
    assert (card.state, "wrong type" in card.trouble) == ("starting", True)
    found = trouble_of(one)
    assert (found.trouble, "wrong type" in found.sentence) == ("lost", True)
    one.backend._door.tell("/sdapi/v1/options", {"CLIP_stop_at_last_layers": 1})
    assert one.backend.card().state == "ready"


def test_a_setting_of_the_wrong_type_is_never_posted(one: World, tmp_path: Path) -> None:
    one.run()
    one.run(Upscale(upscaler="4x-sharp", tile=64), painted(tmp_path / "large.png", (128, 96)))
    for body in one.engine.options.posted:
        for key, value in body.items():
            assert type(value) is type(one.engine.options.defaults.get(key, value)), key


def test_a_server_without_models_is_not_ready(one: World) -> None:
    one.engine.models.clear()
    card = one.backend.card()
    assert (card.state, "no model" in card.trouble) == ("starting", True)


def test_an_address_that_is_none() -> None:
    from agent.backends import Options
    from agent.backends.webui import WebUI

    with pytest.raises(ValueError, match="no address of a server"):
        WebUI(Options(clock=lambda: 0.0, url="ftp://x"))
