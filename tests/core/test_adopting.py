"""What of a preset plans take over, and when it is not sure enough for that."""

import pytest
from msgspec.structs import replace

from daemon.learner.adopting import Fed, better, settable, taken_over, weights_of
from schema.errors import Refused
from schema.insights import Change, Knob, PackInsight, PresetAdvice
from schema.lessons import Adopted

STEPS = Change(param="txt2img.steps", was=20, now=30, stars=0.6, better=0.98)
CFG = Change(param="txt2img.cfg", was=7.0, now=5.0, stars=0.2, better=0.6)
PRESET = PresetAdvice(
    pack="bays", params={"txt2img.steps": 30, "txt2img.cfg": 5.0, "txt2img.sampler": "Euler a"},
    p_better_than_current=0.96, current={"txt2img.steps": 20, "txt2img.cfg": 7.0, "txt2img.sampler": "Euler a"},
    changes=(STEPS, CFG), stars=0.8, offered=True, cautious={"txt2img.steps": 30, "txt2img.sampler": "Euler a"},
    p_cautious=0.995, text="",
)  # fmt: skip
PACK = PackInsight(
    pack="bays", backend="", ratings=60, duels=0, enough=True, text="2 things are known.", mean=3.2, claims=(),
    withdrawn=(), unproven=(), preset=PRESET, advice=(),
    knobs=(Knob(param="txt2img.sampler", ordered=False, matters=0.8, levels=()),),
)  # fmt: skip


def test_a_preset_sets_what_it_changes_and_keeps_what_is_worth_something_as_it_is():
    assert better(PACK, cautious=False) == (
        {"txt2img.steps": 30, "txt2img.cfg": 5.0, "txt2img.sampler": "Euler a"}, 0.96,
    )  # fmt: skip
    assert better(PACK, cautious=True) == ({"txt2img.steps": 30}, 0.995)


@pytest.mark.parametrize(
    ("cautious", "preset", "says"),
    [
        (False, replace(PRESET, offered=False, p_better_than_current=0.9), "better with 90% only"),
        (True, replace(PRESET, p_cautious=0.98), "needs 99%"),
        (True, replace(PRESET, cautious={}), "needs 99%"),
        (False, None, "nothing to change in bays"),
    ],
)
def test_what_is_not_sure_enough_is_refused_in_a_sentence(cautious, preset, says):
    with pytest.raises(Refused, match=says):
        better(replace(PACK, preset=preset), cautious=cautious)


def test_only_settings_of_stages_and_weights_of_loras_are_set():
    assert [name for name in ("txt2img.cfg", "lora:haze", "style", "pick:sky", "randomizer.order") if settable(name)] \
        == ["txt2img.cfg", "lora:haze"]  # fmt: skip
    wanted = {"txt2img.cfg": 5.0, "style": "ink", "randomizer.order": "random"}
    now = taken_over(Adopted(settings={"txt2img.steps": 30}), wanted, lambda name, value: True)
    assert now == Adopted(settings={"txt2img.steps": 30, "txt2img.cfg": 5.0}, randomizer={"order": "random"})
    with pytest.raises(Refused, match="no setting of a stage: style"):
        taken_over(Adopted(), {"style": "ink"}, lambda name, value: True)


def test_a_place_that_stands_twice_is_weighed_as_its_first_and_an_even_one_not_at_all():
    fed = Fed({"sky": {"fog": 1.4}, "sky#2": {"fog": 0.3}, "sea": {"calm": 1.0}}, {})
    assert weights_of("bays", fed) == {"sky": {"fog": 1.4}}
    with pytest.raises(Refused, match="nothing is known yet"):
        weights_of("bays", Fed({"sea": {"calm": 1.0}}, {}))
