"""The models people write against: defaults make sense, ranges hold, and every field can be set by name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from daemon.prompting.fields import coerce, flat, flat_stage, names, read_assignment, settle, with_values
from schema.errors import Refused, why
from schema.faults import KINDS, sentence
from schema.pipeline import AT_MOST, RANK, STANDARD, PipelineConfig
from schema.settings import Settings
from schema.stages import STAGE

REQUIRED = {"post": {"processor": "grain"}}


def stage(kind):
    return STAGE.validate_python({"type": kind, "id": kind, **REQUIRED.get(kind, {})})


@pytest.mark.parametrize(
    ("sentence", "remedy", "told"),
    [
        ("there is no such file", "Check the path", "a.txt: there is no such file. Check the path."),
        ("there is no such file.", "Check the path.", "a.txt: there is no such file. Check the path."),
        ("which file?", "Name it.", "a.txt: which file? Name it."),
        ("is empty (so is the next one.)", "Fill it.", "a.txt: is empty (so is the next one.) Fill it."),
        ("is empty (0 bytes)", "", "a.txt: is empty (0 bytes)."),
        ("it holds 'x'", "", "a.txt: it holds 'x'."),
    ],
)
def test_a_refusal_is_told_in_whole_sentences(sentence, remedy, told):
    refused = Refused(sentence, where="a.txt", remedy=remedy)

    assert refused.told() == str(refused) == told
    assert refused.sentence == sentence


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OSError(28, "No space left on device", "/x"), "no space left on device"),
        (OSError("the folder belongs to somebody else"), "the folder belongs to somebody else"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError(), "it broke off"),
        (ValueError("Wrong depth."), "wrong depth"),
    ],
)
def test_a_fault_is_told_without_numbers_and_class_names(fault, words):
    assert why(fault) == words


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_somewhere_in_the_order(kind):
    assert kind in RANK or kind in ("interrogate", "score")  # those that only look stand anywhere after a picture
    assert set(AT_MOST) <= set(RANK)


@pytest.mark.parametrize("kind", KINDS)
def test_every_default_can_be_written_as_text_and_read_back(kind):
    one = stage(kind)
    for field, value in flat_stage(one).items():
        if field in names(type(one)):
            text = "null" if value is None else str(value)
            assert coerce(one, field, text, "here") == {field: value}


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_that_does_not_exist_is_refused_with_the_nearest(kind):
    with pytest.raises(Refused, match="Did you mean 'enabled'"):
        coerce(stage(kind), "enabld", "true", "here")


def test_flat_values_rebuild_the_pipeline():
    pipeline = PipelineConfig.model_validate(
        [{"type": "txt2img", "hires": {"scale": 2}}, {"type": "post", "processor": "grain", "options": {"size": 2}}]
    )
    bare = PipelineConfig.model_validate([{"type": "txt2img"}, {"type": "post", "processor": "x"}])
    assert with_values(bare, flat(pipeline)).stages == pipeline.stages


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(flat(STANDARD))), st.none() | st.text(max_size=8) | st.floats()))
def test_any_values_are_taken_or_refused(values):
    assignments = [read_assignment(f"{key}={value}", "here") for key, value in values.items()]
    try:
        with_values(STANDARD, settle(STANDARD, assignments))
    except Refused as refused:
        assert refused.where == "here"
    except ValidationError as fault:
        assert "pydantic" not in sentence(fault, STANDARD.model_dump(mode="json"))


def test_tables_and_lists_are_set_by_text():
    paint, over = stage("txt2img"), stage("img2img")
    for one, text, values in (
        (paint, "refiner.model=late", {"refiner.model": "late"}),
        (paint, "refiner=late", {"refiner.model": "late"}),
        (paint, "refiner=null", {"refiner": None}),
        (paint, "workflow=mine", {"workflow.name": "mine"}),
        (paint, "encoders=clip_l, t5xxl", {"encoders": "clip_l, t5xxl"}),
        (paint, "encoders=", {"encoders": None}),
        (paint, "controls=", {"controls": None}),
    ):
        field, _, value = text.partition("=")
        assert coerce(one, field, value, "here") == values
    shapes = coerce(over, "mask_shapes", '[{"points": [[0, 0.5], [1, 1]]}]', "here")
    assert shapes == {"mask_shapes": '[{"kind":"box","points":[[0.0,0.5],[1.0,1.0]]}]'}
    base = PipelineConfig.model_validate([{"type": "img2img", "id": "over", "image": "a" * 64}])
    made = with_values(base, {"over.mask_shapes": shapes["mask_shapes"], "over.encoders": "a, b"})
    assert made.stages[0].mask_shapes[0].points == ((0.0, 0.5), (1.0, 1.0))
    assert made.stages[0].encoders == ("a", "b")
    assert with_values(base, flat(made)) == made


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("controls", "canny", "neither a list nor JSON text of one"),
        ("controls", '[{"weight": 1}]', "img2img.controls: 0.model: is missing"),
        ("controls", '[{"model": "edge", "weight": 3}]', "too large"),
        ("mask_shapes", '[{"kind": "polygon", "points": [[0, 0], [1, 1]]}]', "a polygon needs at least three points"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_with_the_field(field, text, words):
    with pytest.raises(Refused, match=words):
        coerce(stage("img2img"), field, text, "here")


def test_options_of_a_post_processor_are_free():
    one = stage("post")
    for text, value in (("2", 2), ("0.5", 0.5), ("true", True), ("soft", "soft")):
        assert coerce(one, "options.strength", text, "here") == {"options.strength": value}


def test_settings_can_be_empty():
    assert Settings.model_validate({}) == Settings()
    assert Settings().run.pipeline == STANDARD.name


def test_frozen_models_cannot_be_changed():
    with pytest.raises(ValidationError):
        STANDARD.stages[0].steps = 3
