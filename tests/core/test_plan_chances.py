"""How likely places are filled in a plan: from the command line, packs, profiles and overlays, and what is recorded."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `plan_world`

from plan_world import Shelf, plan, prompts, refusal, txt

from daemon.prompting.overlays import read_overlay
from daemon.prompting.profiles import read_profile
from schema.errors import Refused
from schema.requests import TextFile

SHELF = Shelf(
    wildcards={"sky": "dawn\ndusk\nnoon"},
    profiles={
        "dry": "places: {weather: 0}",
        "bare": "places: {weather: 1, __sky__: {probability: 0}}",
        "wet": "places: {Weather: {weights: {rain: 9, sun: 0}}, sky: {weights: [4::dusk, 0::dawn]}}",
    },
    overlays={"calm": "places: {weather: {probability: 0, weights: {fog: 2}}}"},
)
PACK = txt("h", "#! [[weather]] = rain | fog | sun\n\na boat in [[weather]] at __sky__")


def drawn(*packs, **flags):
    return plan(*packs, **{"library": SHELF, "matrix": "random", "variants": 40, "seed": 3, **flags})


def said(made, key="weather"):
    return [(pick.value, pick.source) for job in made.jobs for pick in job.picks if pick.key == key]


def test_a_chance_of_the_command_line_is_drawn_and_recorded():
    made, plain = drawn(PACK, chance=("weather=0.4",)), drawn(PACK)
    empty = [pick for pick in said(made) if pick == ("", "left empty, --chance 0.4")]
    assert 14 <= len(empty) <= 34
    assert made.spec.randomizer.chances == {"weather": 0.4}
    for with_it, without in zip(made.jobs, plain.jobs, strict=True):
        assert with_it.picks[1] == without.picks[1]
        assert with_it.picks[0] == without.picks[0] or with_it.picks[0].value == ""
    assert {one.key: one.chance for one in made.segments if one.key} == {"weather": 0.4, "__sky__": None}
    assert made == drawn(PACK, chance=("weather=0.4",))
    again = drawn(PACK, chance=("weather=0.4",), reroll=("weather=1",))
    assert said(again, "__sky__") == said(made, "__sky__") and said(again) != said(made)


def test_one_and_nought_are_exact():
    assert prompts(drawn(PACK, chance=("weather=1", "sky=1.0"))) == prompts(drawn(PACK))
    assert set(prompts(drawn(PACK, chance=("weather=0", "sky=0")))) == {"a boat in at"}


def test_combined_values_know_no_chance_and_that_is_told():
    for mode in ("all", "rotate", "sequential"):
        made = plan(PACK, library=SHELF, matrix=mode, chance=("weather=0",))
        assert prompts(made) == prompts(plan(PACK, library=SHELF, matrix=mode))
        assert any("--chance: counts where values are drawn" in one for one in made.warnings)
    assert set(prompts(plan(prompt="a{~|b}", chance=("{~|b}=0",)))) == {"a"}


@pytest.mark.parametrize(
    "pack",
    [
        txt("p", "#! [[weather]] = rain | fog\n#! probability [[weather]] = 0\n\na [[weather]]"),
        txt("p", "#! probability [[Weather]]=0.0\n#! [[Weather]] = 3::rain | fog\n\na [[weather]]"),
        txt("p", "#! probability [[sky]] = 0\n\na [[sky]]"),
        TextFile(name="p.json", text=json.dumps({
            "slots": [{"text": "a [[w]]"}],
            "matrix": {"enabled": True, "slots": [{"name": "w", "values": ["x", "y"], "probability": 0}]},
        })),
    ],
)  # fmt: skip
def test_a_pack_says_it_for_its_slots(pack):
    made = drawn(pack, variants=5)
    assert set(prompts(made)) == {"a"} and made.jobs[0].picks[0].source == "left empty, matrix 0"
    key = made.jobs[0].picks[0].key
    assert set(prompts(drawn(pack, variants=5, chance=(f"{key}=1",)))) != {"a"}


def test_profiles_and_overlays_say_it_and_who_goes_first():
    assert {source for _, source in said(drawn(PACK, profile="dry"))} == {"left empty, profile dry 0"}
    assert {source for _, source in said(drawn(PACK, profile="bare", overlay="calm"))} == {"left empty, overlay calm 0"}
    bare = drawn(PACK, profile="bare", variants=5)
    assert {value for value, _ in said(bare, "__sky__")} == {""} and "" not in {value for value, _ in said(bare)}
    assert "" not in {value for value, _ in said(drawn(PACK, overlay="calm", chance=("weather=1",)))}
    held = drawn(PACK, profile="dry", lock=("weather=hail",), variants=2)
    assert said(held) == [("hail", "--lock")] * 2


def test_they_weigh_values_of_slots_and_wildcards():
    made = drawn(PACK, profile="wet", variants=100)
    weather, sky = (Counter(value for value, _ in said(made, key)) for key in ("weather", "__sky__"))
    assert weather["rain"] > 75 and weather["fog"] > 2 and "sun" not in weather
    assert sky["dusk"] > 60 and sky["noon"] > 5 and "dawn" not in sky
    assert ("rain", "matrix (profile wet x9)") in said(made)
    assert len(plan(PACK, library=SHELF, profile="wet").jobs) == 2 * 2  # 0 is never, also where all are combined
    weighed = txt("h", "#! [[weather]] = 3::rain | fog | sun\n\n[[weather]]")
    assert set(prompts(drawn(weighed, profile="wet"))) == {"rain", "fog"}


@pytest.mark.parametrize(
    ("chance", "told"),
    [
        ("weather", "--chance: 'weather' is not PLACE=0.4. Write weather=0.4."),
        ("weather=often", "'weather=often' is not PLACE=0.4"),
        ("weather=1.2", "--chance: 1.2 is not from 0 to 1. Write weather=0.4."),
        ("weather=nan", "nan is not from 0 to 1"),
        ("wether=0.4", "--chance: no prompt has a slot 'wether'. Did you mean 'weather'?"),
        ("__cloud__=0.4", "no prompt has a place '__cloud__'"),
    ],
)
def test_a_chance_that_is_none_is_refused(chance, told):
    assert told in refusal(PACK, library=SHELF, chance=(chance,))


@pytest.mark.parametrize(
    ("reads", "text", "told"),
    [
        (read_profile, "places: {weather: 2}", "f.yaml:1:10: 2 is not from 0 to 1"),
        (read_overlay, "places: {w: {probability: -1}}", "f.yaml:1:14: -1 is not from 0 to 1"),
        (read_profile, "places: {w: often}", "a number must stand here"),
        (read_profile, "places: {w: {weights: rain}}", "which values of 'w'?"),
        (read_overlay, "most: 2", "nothing in it varies"),
    ],
)
def test_a_file_that_says_it_wrongly_is_told_with_its_place(reads, text, told):
    with pytest.raises(Refused) as refused:
        reads("f.yaml", text)
    assert told in refused.value.told()


def test_what_is_not_understood_of_a_place_is_told():
    warnings = read_profile("f.yaml", 'places: {w: {probable: 1}, "{a|b}": {weights: {a: 2}}}').warnings
    assert "'probable' is not understood" in warnings[1] or "'probable' is not understood" in warnings[0]
    assert any("a choice has its weights in itself" in one for one in warnings)
    assert "probability '2' is no number from 0 to 1" in refusal(txt("p", "#! probability [[w]] = 2\n\na [[w]]"))
    assert "--literal: expands nothing" in refusal(prompt="a", literal=True, chance=("a=1",))
