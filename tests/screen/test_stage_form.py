"""The stages of a run as a form: whose each value is, what a change makes of the draft, and what is refused."""

import json

import pytest

from schema.errors import Refused
from tui.link.annotations import Limits
from tui.screens.draft import Draft, request
from tui.screens.fields import Field, fields_of
from tui.screens.fieldwords import about, purpose
from tui.screens.nudging import complaint, nudged, slider, typed
from tui.screens.sheet import Row, StageSheet, rows
from tui.screens.stageform import Planned, form_of, ground_of
from tui.widgets.ink import measure
from tui.widgets.stagewords import head, setting, slid, source, told_of

PAINT = {"type": "txt2img", "enabled": True, "model": "sd/toy.safetensors", "steps": 30, "cfg": 7.0, "width": 832}
FACES = {"type": "detail", "enabled": True, "detector": "face", "model": None, "steps": 20}
LARGER = {"type": "upscale", "enabled": False, "factor": 2.0, "denoise": 0.0}
BASE = {"txt2img": PAINT, "detail": FACES, "larger": LARGER}


def form(draft: Draft = Draft(prompt="a bay"), **full):  # noqa: B008
    return form_of(draft, Planned(BASE), Planned(BASE, **full) if full else None)


def line(of, key: str) -> Row:
    return next(row for row in of.lines(frozenset(one.id for one in of.stages)) if row.key == key)


def field(kind: str, name: str) -> Field:
    return next(one for one in fields_of(kind) if one.name == name)


def stages_of(draft: Draft) -> list[str]:
    return [stage["id"] for stage in json.loads(draft.own[1])["stages"]]


def test_every_value_says_whose_it_is():
    made = form(
        overlay={"txt2img.cfg": 5.0},
        origins={"txt2img.cfg": "pack bay.txt", "txt2img.steps": "preset fine", "prompt": "--prompt"},
    )
    made = made.put(line(made, "txt2img.width"), "640")
    whose = {key: source(made, line(made, f"txt2img.{key}"))[0] for key in ("cfg", "steps", "width", "model", "vae")}
    assert whose == {"cfg": "pack", "steps": "preset", "width": "yours", "model": "pipeline", "vae": ""}
    assert line(made, "txt2img.cfg").value == "5"
    again = form(Draft(last=True))
    assert source(again, line(again, "txt2img.model"))[0] == "last run"
    told = told_of(made, line(made, "txt2img.width"))
    assert told[0][0] == "txt2img.width · 16 to 16384 · yours; it was 832"


def test_what_a_later_stage_does_not_say_it_takes_over_from_the_first_as_it_is_by_now():
    made = form()
    made = made.put(line(made, "txt2img.model"), "other")
    row = line(made, "detail.model")
    assert (row.value, row.inherited) == ("other", True)
    assert not line(made, "larger.model").inherited, "an upscaler that does not repaint needs no model"
    made = made.put(line(made, "larger.denoise"), "0.3")
    assert line(form(Draft(set=made.draft.set)), "larger.denoise").value == "0.3"


def test_a_film_that_the_pipeline_does_not_have_is_offered_and_made_by_the_first_word_about_it():
    made = form()
    assert [(one.id, one.on) for one in made.stages][-1] == ("video", False)
    wanted = made.put(line(made, "video.fps"), "12")
    assert (wanted.draft.video, wanted.draft.set, wanted.stages[-1].on) == (True, ("video.fps=12",), True)
    assert request(wanted.draft).video is True
    off = wanted.turned(line(wanted, "video.enabled"))
    assert (off.draft.video, off.draft.set) == (False, ()), "else the plan would be about a stage that is not there"

    there = form_of(Draft(), Planned({**BASE, "clip": {"type": "video", "enabled": True}}))
    assert there.film == ""
    assert there.turned(line(there, "clip.enabled")).draft.set == ("clip.enabled=false",)


def test_stages_are_added_moved_and_taken_out_within_the_order_of_a_pipeline():
    made, id = form().added("face_restore")
    assert stages_of(made.draft) == ["txt2img", "detail", "larger", "face_restore"]
    made, second = made.added("detail")
    assert (id, second) == ("face_restore", "detail2")
    assert stages_of(made.moved("detail2", -1).draft) == ["txt2img", "detail2", "detail", "larger", "face_restore"]
    with pytest.raises(Refused, match="upscale cannot stand before detail"):
        made.moved("detail2", 1)
    with pytest.raises(Refused, match="the first stage"):
        made.moved("txt2img", -1)
    made = made.put(line(made, "detail.steps"), "9").taken_out("detail")
    assert "detail." not in "".join(made.draft.set) and "detail" not in stages_of(made.draft)
    looks, _ = made.added("interrogate")
    with pytest.raises(Refused, match="no picture yet"):
        for _ in made.stages:
            looks = looks.moved("interrogate", -1)


def test_a_picture_is_turned_upright_in_one_go():
    made = form().put(line(form(), "txt2img.height"), "1216")
    assert set(made.swapped(made.stages[0]).draft.set) == {"txt2img.width=1216", "txt2img.height=832"}
    assert form().swapped(form().stages[2]) == form(), "an upscaler that has no size has none to swap"


def test_a_stage_that_is_off_stays_so_and_switching_it_back_is_no_change():
    made = form()
    on = made.turned(line(made, "larger.enabled"))
    assert on.draft.set == ("larger.enabled=true",)
    assert on.turned(line(on, "larger.enabled")).draft.set == ()
    grown, _ = made.added("resize")
    assert json.loads(grown.draft.own[1])["stages"][2]["enabled"] is False


def test_what_is_saved_as_a_pipeline_says_all_that_was_changed():
    made = form()
    for key, value in (
        ("txt2img.hires", "true"), ("txt2img.hires.scale", "2"), ("txt2img.tiling", "true"), ("txt2img.steps", "12"),
        ("txt2img.model", "null"), ("detail.encoders", "a, b"),
    ):  # fmt: skip
        made = made.put(line(made, key), value)
    made = made.one_unit_more(made.stages[0], "canny").turned(line(made, "larger.enabled"))
    paint, faces, larger = json.loads(made.text("bay"))["stages"]
    assert (paint["hires"]["scale"], paint["tiling"], paint["steps"], paint.get("model")) == (2.0, True, 12, None)
    assert json.loads(paint["controls"]) == [{"model": "canny"}]
    assert faces["encoders"] == "a, b" and "enabled" not in larger
    saved = made.named("bay", saved=True).draft
    assert (saved.pipeline, saved.set, saved.own) == ("bay", (), None)


def test_the_text_that_is_saved_is_a_pipeline_for_those_who_read_it():
    from schema.pipeline import PipelineConfig

    made = form()
    for kind in ("refiner", "resize", "score"):
        made, _ = made.added(kind)
    made = made.put(line(made, "txt2img.hires"), "true").put(line(made, "txt2img.encoders"), "a, b")
    read = PipelineConfig.model_validate_json(made.text(""))
    assert [stage.type for stage in read.stages] == ["txt2img", "refiner", "detail", "upscale", "resize", "score"]
    assert read.stages[0].hires.scale == 1.5


def test_of_its_draft_only_what_the_stages_depend_on_has_them_asked_for_again():
    draft = Draft(prompt="a", pack="bay", preset="fine", set=("txt2img.steps=3",), seed="7")
    assert ground_of(draft) == ground_of(Draft(prompt="b", pack="bay", preset="fine", count="9"))
    assert ground_of(draft) != ground_of(Draft(pack="bay", preset="quick"))
    assert ground_of(draft) != ground_of(Draft(pack="bay", preset="fine", video=True))


@pytest.mark.parametrize(
    ("kind", "name", "was", "by", "then"),
    [
        ("txt2img", "steps", "30", 1, "31"), ("txt2img", "steps", "1", -1, "1"), ("txt2img", "cfg", "6.3", 1, "7"),
        ("txt2img", "width", "832", 1, "896"), ("img2img", "width", "", 1, "512"),
        ("img2img", "denoise", "0.3", -1, "0.25"),
        ("detail", "dilate", "-4", -1, "-5"), ("video", "fps", "1", -1, "1"), ("txt2img", "cfg", "49.9", 1, "50"),
    ],
)  # fmt: skip
def test_a_key_moves_a_number_a_step_and_never_out_of_what_is_allowed(kind, name, was, by, then):
    assert nudged(field(kind, name), was, by) == then


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("steps", "2000", "it may be 1 to 500"), ("steps", "3.5", "a whole number belongs here"),
        ("steps", "", "a number belongs here"), ("cfg", "nan", "this is no number"), ("cfg", "6,5", ""),
        ("guidance", "", ""), ("steps", "twelve", "this is no number"),
    ],
)  # fmt: skip
def test_what_is_no_such_number_is_told(name, text, why):
    one = field("txt2img", name)
    assert complaint(one, text) == why
    if not why:
        assert typed(one, text) == {"6,5": "6.5", "": "null"}[text]


def test_a_slider_is_as_wide_as_it_is_told_and_stays_at_its_end_beyond_what_is_usual():
    steps = field("txt2img", "steps")
    drawn = [slider(steps, text, 12) for text in ("1", "30", "400")]
    assert drawn == ["├●─────────┤", "├────●─────┤", "├─────────●┤"]
    assert slider(Field("x", "number", limits=Limits(0, 1000)), "5", 12) == ""


@pytest.mark.parametrize("width", [36, 70])
def test_a_click_on_a_slider_is_the_number_under_it(width):
    made = form()
    row = line(made, "txt2img.steps")
    drawn = "".join(piece.text for piece in setting(made, row, width, None))
    left, right = drawn.index("├"), drawn.index("┤")
    assert [slid(made, row, width, x) for x in (left - 1, left, right, right + 1)] == [None, "1", "60", None]
    assert slid(made, line(made, "txt2img.model"), width, left) is None


def test_a_pipeline_that_is_renamed_or_deleted_takes_no_stage_along():
    named = form(Draft(prompt="a", pipeline="bay"))
    assert named.followed("cove").draft == Draft(prompt="a", pipeline="cove")
    changed, _ = named.added("resize")
    later = changed.followed("cove").draft
    assert later.pipeline == "cove" and request(later).pipeline.text == changed.draft.own[1]
    gone = named.followed("").draft
    assert stages_of(gone) == ["txt2img", "detail", "larger"] and request(gone).pipeline.text == gone.own[1]


def test_a_film_is_found_by_the_name_it_is_shown_by():
    found = rows([StageSheet("video", "video"), StageSheet("upscale", "upscale")], {}, frozenset(), "film")
    assert {"video.fps", "video.codec"} <= {row.key for row in found}
    assert {row.stage.id for row in found} == {"video"}


@pytest.mark.parametrize("width", [30, 36, 46, 60, 118])
def test_no_line_is_wider_than_its_pane_by_more_than_what_is_cut(width):
    made = form(Draft(set=("txt2img.hires=true", "txt2img.cfg=6.5")))
    for row in made.lines(frozenset(one.id for one in made.stages)):
        pieces = head(made, row, width, opened=False) if row.field is None else setting(made, row, width, None)
        assert measure(pieces) <= width, row.key


def test_a_field_says_what_it_is_for_in_the_words_of_its_model():
    assert purpose("txt2img", field("txt2img", "clip_skip")).startswith("Layers of the text encoder")
    assert purpose("detail", field("detail", "clip_skip")).startswith("Layers"), "what all sampled stages have"
    assert about("detail").startswith("Finds faces")
