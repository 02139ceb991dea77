"""What every registered backend must do. A new backend is one more trial, and none of the tests changes."""

import io
import sys
import threading
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import msgspec
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `trials`

from trials import (
    ANSWERS,
    INPUT,
    MOMENT,
    OFFERS,
    QUICK,
    SAMPLES,
    SIZES,
    TRIALS,
    Listener,
    Trial,
    named,
    offered,
    opened,
    ready,
    work,
)

from agent.absent import USUAL
from agent.backends import BACKENDS, BackendTrouble, Cancelled
from agent.effective import flattened
from agent.pictures import seen
from schema.stages import GeneratePrompt, ImageStage, Img2Img, LlmEnhance, Resize, Txt2Img, Upscale, WordStage


@pytest.fixture(params=list(TRIALS), scope="module")
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """One for all tests that leave it as it was."""
    with TRIALS[request.param](tmp_path_factory.mktemp(request.param)) as trial:
        trial.name = request.param
        ready(trial)
        yield trial
        trial.backend.close()


@pytest.fixture(params=list(TRIALS))
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    """One for a test that may leave nothing as it was."""
    with TRIALS[request.param](tmp_path) as trial:
        ready(trial)
        yield trial
        trial.backend.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A photograph-like input: light, dark, edges."""
    canvas = Image.radial_gradient("L").resize(INPUT).convert("RGB")
    canvas.paste((200, 40, 40), (20, 10, 45, 40))
    canvas.paste((20, 60, 90), (60, 30, 80, 60))
    path = tmp_path / "input.png"
    canvas.save(path)
    return path


@pytest.fixture
def sample(request: pytest.FixtureRequest, trial: Trial) -> tuple[str, ImageStage | WordStage]:
    return request.param, named(SAMPLES[request.param], trial)


def pairs(*but: str) -> pytest.MarkDecorator:
    """Every trial with every stage that it offers, other than of these kinds."""
    found = [
        (trial, sample)
        for trial, kinds in OFFERS.items()
        for sample, config in SAMPLES.items()
        if config.type in kinds and config.type not in but
    ]
    return pytest.mark.parametrize(
        ("trial", "sample"), found, indirect=True, ids=[f"{trial} {sample}" for trial, sample in found]
    )


every_stage = pairs()


def test_every_registered_backend_is_tried() -> None:
    flavours = {"a1111": "webui", "forge": "webui"}
    assert {flavours.get(name, name) for name in TRIALS} == set(BACKENDS) and TRIALS.keys() == OFFERS.keys()


def test_what_a_backend_is_thought_to_offer_while_it_cannot_be_made_is_what_it_does_offer() -> None:
    assert USUAL.keys() == BACKENDS.keys()
    for trial, kinds in OFFERS.items():
        kind = {"a1111": "webui", "forge": "webui"}.get(trial, trial)
        assert sorted(USUAL[kind]) == sorted(kinds), kind


def test_the_card_is_honest_about_itself(trial: Trial) -> None:
    card = trial.backend.card()
    assert card.kind == trial.backend.kind and card.kinds == trial.backend.kinds() != () and card.note
    assert (card.state, card.trouble) == ("ready", "")
    assert sorted(card.kinds) == sorted(OFFERS[trial.name])
    assert "@" not in card.url and len(set(card.models)) == len(card.models)


@every_stage
def test_a_stage_gives_what_was_asked_for(
    trial: Trial, sample: tuple[str, ImageStage | WordStage], picture: Path
) -> None:
    name, config = sample
    made = trial.backend.run(work(config, picture), Listener())
    if (answer := ANSWERS.get(config.type)) is not None:
        assert made.pictures == () and made.reported[answer] not in (None, "")
        return
    (drawn,) = made.pictures
    told = seen(drawn.content)
    assert (told.width, told.height) == SIZES.get(name, INPUT) and drawn.seed == 7
    assert opened(made).size == (told.width, told.height)
    assert made.megapixels > 0 and made.peak_vram_gb >= 0 and made.suspect is None


@pairs(*ANSWERS)
def test_the_same_order_gives_the_same_pixels(
    trial: Trial, sample: tuple[str, ImageStage | WordStage], picture: Path
) -> None:
    if not trial.repeats:
        pytest.skip("it promises no such thing")
    first, second = (opened(trial.backend.run(work(sample[1], picture), Listener())) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@every_stage
def test_progress_only_grows_and_reaches_its_end(
    trial: Trial, sample: tuple[str, ImageStage | WordStage], picture: Path
) -> None:
    listener, began = Listener(), time.monotonic()
    trial.backend.run(work(sample[1], picture), listener)
    assert listener.steps or time.monotonic() - began < MOMENT, "a stage that tells nothing looks frozen"
    for doing, told in groupby(listener.steps, key=lambda step: step[2]):
        parts = [(step / steps if steps else 0.0) for step, steps, _ in told]
        assert parts == sorted(parts) and all(0 <= part <= 1 for part in parts), (doing, listener.steps)


@every_stage
def test_it_lets_go_at_the_very_step_it_is_told_to(
    trial: Trial, sample: tuple[str, ImageStage | WordStage], picture: Path
) -> None:
    listener = Listener()
    trial.backend.run(work(sample[1], picture), Listener())  # its model is loaded from here on
    trial.backend.run(work(sample[1], picture), listener)
    for patience in range(min(len(listener.steps), 3)):
        impatient = Listener(patience)
        try:
            trial.backend.run(work(sample[1], picture), impatient)
        except Cancelled:
            assert len(impatient.steps) == patience + 1
        else:  # it was quicker than the wish
            assert len(impatient.steps) <= patience + 1, impatient.steps
    # and is as good as before
    again = trial.backend.run(work(sample[1], picture), Listener())
    assert again.pictures or sample[1].type in ANSWERS


@every_stage
def test_the_effective_config_has_every_field_with_its_value(
    trial: Trial, sample: tuple[str, ImageStage | WordStage], picture: Path
) -> None:
    config = sample[1]
    effective = trial.backend.run(work(config, picture), Listener()).effective
    assert set(flattened(config)) <= set(effective)
    for name in {"sampler", "scheduler", "upscaler", "tool"} & set(effective):
        if isinstance(config, Upscale) and name in ("sampler", "scheduler"):
            continue  # nothing is sampled without denoise
        assert effective[name] is not None, name
    if isinstance(config, Txt2Img | GeneratePrompt | LlmEnhance):
        assert effective["model"]
    assert msgspec.json.decode(msgspec.json.encode(effective)) == effective


@pairs("txt2img", "generatePrompt", "llmEnhance", "selectLoras")
def test_a_stage_without_its_picture_is_a_bad_request(trial: Trial, sample: tuple[str, ImageStage | WordStage]) -> None:
    with pytest.raises(BackendTrouble) as told:
        trial.backend.run(work(sample[1]), Listener())
    assert told.value.trouble == "bad-request" and told.value.sentence


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"GIF89a" + b"\0" * 40],
    ids=["empty", "text", "broken", "gif"],
)
def test_an_input_that_is_no_picture_is_a_bad_request(trial: Trial, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(content)
    for config in (Img2Img(id="s", steps=2), Upscale(id="s"), Resize(id="s", width=16, height=16)):
        if config.type in trial.backend.kinds():
            with pytest.raises(BackendTrouble) as told:
                trial.backend.run(work(named(config, trial), path), Listener())
            assert told.value.trouble == "bad-request", config.type


def test_a_name_that_is_not_there_is_refused_with_those_that_come_near(trial: Trial) -> None:
    card = trial.backend.card()
    if card.open_lists:
        pytest.skip("every name will do there")
    wrong = f"{card.models[0][:-4]}x{card.models[0][-4:]}"
    config = offered(trial).model_copy(update={"model": wrong})
    with pytest.raises(BackendTrouble) as told:
        trial.backend.run(work(config), Listener())
    assert told.value.trouble == "bad-request" and wrong in told.value.sentence
    assert card.models[0] in told.value.sentence, told.value.sentence


def test_previews_are_small_jpegs(trial: Trial) -> None:
    listener = Listener()
    trial.backend.run(work(offered(trial)), listener)
    for jpeg in listener.shown:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as preview:
            assert max(preview.size) <= 512


# What leaves nothing as it was ------------------------------------------------------------------


def test_a_long_stage_is_cancelled_in_time_and_the_next_one_runs(fresh: Trial) -> None:
    if fresh.slow is None:
        pytest.skip("its steps cannot be made slow here")
    config = offered(fresh)
    fresh.backend.run(work(config), Listener())
    fresh.slow()
    listener = Listener()
    wished: list[float] = []

    def wish() -> None:
        while len(listener.steps) < 2:
            time.sleep(0.01)
        wished.append(time.monotonic())
        listener.no_more()

    impatient = threading.Thread(target=wish)
    impatient.start()
    with pytest.raises(Cancelled):
        fresh.backend.run(work(config.model_copy(update={"steps": 100}), seed=8), listener)
    impatient.join()
    assert time.monotonic() - wished[0] < fresh.seconds
    assert fresh.backend.run(work(config.model_copy(update={"steps": 2}), seed=9), Listener()).pictures


def test_a_server_that_is_gone_is_told_and_noticed_when_it_is_back(fresh: Trial) -> None:
    if fresh.kill is None or fresh.revive is None:
        pytest.skip("it needs no server")
    before, config = fresh.backend.card(), offered(fresh, QUICK)
    fresh.kill()
    with pytest.raises(BackendTrouble) as told:
        fresh.backend.run(work(config), Listener())
    assert told.value.trouble == "lost" and told.value.sentence
    away = fresh.backend.card()
    assert away.state == "disconnected" and away.trouble
    assert before.url.removeprefix("http://") in away.trouble
    fresh.revive()
    assert ready(fresh).models == before.models
    assert fresh.backend.run(work(config), Listener()).pictures


def test_freed_models_are_loaded_again(fresh: Trial) -> None:
    config = offered(fresh, QUICK)
    fresh.backend.run(work(config), Listener())
    for _ in range(2):
        fresh.backend.free()
    assert fresh.backend.memory().used_gb >= 0
    made = fresh.backend.run(work(config), Listener())
    assert made.pictures or config.type in ANSWERS


def test_nothing_is_left_when_it_is_closed(fresh: Trial) -> None:
    before = {thread.name for thread in threading.enumerate()}
    fresh.backend.run(work(offered(fresh)), Listener())
    for _ in range(2):
        fresh.backend.close()
    deadline = time.monotonic() + 5
    while left := {each.name for each in threading.enumerate() if not of_the_server(each)} - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def of_the_server(thread: threading.Thread) -> bool:
    """The fakes answer each connection in a thread of their own."""
    return "process_request_thread" in thread.name
