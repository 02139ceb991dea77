"""What of a preset plans take over, and when it is not sure enough for that."""

import pytest
from msgspec.structs import replace

from daemon.learner.adopting import Fed, better, settable, taken_over, weights_of
from schema.errors import Refused
from schema.insights import Change, Claim, Evidence, Knob, PackInsight, PresetAdvice
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


def claim(param, *better, strength="clearly", confidence=0.97):
    evidence = Evidence(
        better_n=20, worse_n=20, same_seed=5, stars=0.6, low=0.2, high=1.0, matters=0.99, ratings=60,
    )  # fmt: skip
    return Claim(
        key=f"bays {param}", pack="bays", param=param, better=better, worse=(1,), confidence=confidence,
        strength=strength, text="", evidence=evidence,
    )  # fmt: skip


def test_what_is_clearly_better_is_taken_over_although_the_last_picture_was_nearly_as_good():
    near = replace(PACK, preset=replace(PRESET, offered=False, p_better_than_current=0.7))
    steps, cfg = claim("txt2img.steps", 28, 30), claim("txt2img.cfg", 5.0, strength="tends to", confidence=0.92)
    kept = {"txt2img.sampler": "Euler a"}
    assert better(replace(near, claims=(steps, cfg)), cautious=False) == ({**kept, "txt2img.steps": 30}, 0.97)
    best = replace(near, preset=replace(near.preset, changes=(), current=PRESET.params))
    assert better(replace(best, claims=(steps,)), cautious=False) == ({**kept, "txt2img.steps": 30}, 0.97)
    for other in ((cfg,), (steps, steps), (claim("txt2img.steps", 40),)):  # not sure, by model, of another level
        with pytest.raises(Refused, match="better with 70% only"):
            better(replace(near, claims=other), cautious=False)


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
