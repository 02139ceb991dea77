"""Variants of prompts in a plan: modes, limits, draws, locks; preview, plan and record say the same."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `plan_world`

from plan_world import Shelf, plan, prompts, refusal, txt

from daemon.prompting.dialects.directives import slot_lines
from daemon.prompting.packs import read_pack
from daemon.prompting.variation.tables import Value
from schema.requests import TextFile

SKY = Shelf(wildcards={"sky": "dawn\ndusk\nnoon", "sea/calm": "glassy\nstill"})
HEAVY = Shelf(wildcards={"sky": (Value("dawn"), Value("dusk"), Value("noon", 3.0))})
PACK = txt("harbour", "#! [[hull]] = red | blue\n\na [[hull]] boat at __sky__\nneg: [[hull]] paint\n\na buoy")


def test_all_makes_every_combination_once_and_says_what_became_of_each_place():
    made = plan(PACK, library=SKY, seed=4)
    assert prompts(made) == [
        "a red boat at dawn", "a red boat at dusk", "a red boat at noon",
        "a blue boat at dawn", "a blue boat at dusk", "a blue boat at noon", "a buoy",
    ]  # fmt: skip
    first = made.jobs[0]
    assert [job.name for job in made.jobs][:2] == ["harbour-01-v1-s4", "harbour-01-v2-s4"]
    assert (first.negative, first.template) == ("red paint", "a [[hull]] boat at __sky__")
    assert [(pick.key, pick.value, pick.source) for pick in first.picks] == [
        ("hull", "red", "matrix"), ("__sky__", "dawn", "wildcard sky.txt:1"),
    ]  # fmt: skip
    assert made.spec.packs[0].variants == made.spec.packs[0].jobs == 7 and made.spec.packs[0].prompts == 2
    assert made.spec.randomizer.space == "7"


def test_a_prompt_alone_may_give_its_slots_their_values_as_its_pack_did():
    lines = slot_lines(read_pack("harbour.txt", "#! [[hull]] = red | 2::{dark|pale} blue\n\na boat").matrix)
    assert lines == ("#! [[hull]] = red | 2::{dark|pale} blue",)
    made = plan(prompt=f"{lines[0]}\na [[hull]] boat", negative="[[hull]] paint", library=SKY)
    assert prompts(made) == ["a red boat", "a dark blue boat", "a pale blue boat"]
    assert [job.negative for job in made.jobs] == ["red paint", "dark blue paint", "pale blue paint"]
    as_written = plan(prompt=f"{lines[0]}\na [[hull]] boat", literal=True)
    assert prompts(as_written) == [f"{lines[0]}\na [[hull]] boat"]


def test_the_other_modes_take_their_turns():
    assert prompts(plan(PACK, library=SKY, matrix="rotate"))[:3] == [
        "a red boat at dawn", "a blue boat at dusk", "a red boat at noon",
    ]  # fmt: skip
    four = txt("h", "#! [[x]] = 1 | 2\n" + "\n\n".join(["a [[x]] at __sky__"] * 4))
    assert prompts(plan(four, library=SKY, matrix="sequential")) == [
        "a 1 at dawn", "a 1 at dusk", "a 1 at noon", "a 2 at dawn",
    ]  # fmt: skip
    drawn = plan(four, library=HEAVY, matrix="random", variants=100, seed=2)
    assert len(drawn.jobs) == 400
    skies = Counter(job.picks[1].value for job in drawn.jobs)
    assert skies["noon"] > 180 and min(skies.values()) > 40
    assert len(plan(four, library=SKY, matrix="random").jobs) == 4


def test_a_packs_own_mode_and_limit_hold_where_nobody_says_otherwise():
    slots = [{"name": "a", "values": ["1", "2", "3"]}, {"name": "b", "values": ["x", "y"]}]

    def made(said, **flags):
        pack = {"slots": [{"text": "[[a]] [[b]]"}], "matrix": {"enabled": True, "slots": slots, **said}}
        return plan(TextFile(name="p.json", text=json.dumps(pack)), **flags)

    assert len(made({"mode": "fanout"}).jobs) == 6
    assert prompts(made({"mode": "rotate"})) == ["1 x", "2 y", "3 x"]
    assert len(made({"mode": "round_robin"}).jobs) == 1
    assert len(made({"mode": "rotate"}, matrix="all").jobs) == 6
    limited = made({"mode": "fanout", "limit": 3})
    assert sorted(prompt[0] for prompt in prompts(limited)) == ["1", "2", "3"]
    assert "3 of 6 variants, spread evenly." in limited.warnings
    assert len(made({"mode": "fanout", "limit": 3}, variants=5).jobs) == 5
    assert prompts(made({"enabled": False})) == ["[[a]] [[b]]"]


def test_values_of_slots_have_weights_too():
    pack = txt("h", "#! [[w]] = rain | 8::sun | 0::hail | 3::\n\na [[w]]")
    assert prompts(plan(pack)) == ["a rain", "a sun", "a"]
    drawn = Counter(prompts(plan(pack, matrix="random", variants=300, seed=1)))
    assert drawn["a sun"] > 160 and drawn["a"] > drawn["a rain"] > 5 and "a hail" not in drawn
    assert prompts(plan(pack, lock=("w=snow",))) == ["a snow"]
    slots = [{"name": "w", "values": [{"text": "sun", "weight": 8}, "rain"]}]
    pack = {"slots": [{"text": "a [[w]]"}], "matrix": {"enabled": True, "mode": "random", "slots": slots}}
    drawn = Counter(prompts(plan(TextFile(name="p.json", text=json.dumps(pack)), variants=200, seed=1)))
    assert drawn["a sun"] > 150 > drawn["a rain"] > 5


def test_a_limit_takes_an_even_sample_of_every_prompt():
    pack = txt("h", "#! [[a]] = 1 | 2 | 3 | 4\n#! [[b]] = x | y | z\n\n[[a]] [[b]]\n\na buoy\n\n[[a]]")
    made = plan(pack, limit=10, seed=1)
    by_prompt = Counter(job.prompt_number for job in made.jobs)
    assert by_prompt == {1: 5, 2: 1, 3: 4}
    first = Counter(job.prompt[0] for job in made.jobs if job.prompt_number == 1)
    assert max(first.values()) - min(first.values()) <= 1 and len(first) == 4
    assert "10 of 17 variants, spread evenly." in made.warnings
    assert len(plan(pack, limit=2, order="random").jobs) == 2
    made = plan(pack, variants=2)
    assert (len(made.jobs), made.spec.randomizer.space) == (5, "17")
    assert made.warnings == ("5 of 17 variants, spread evenly.",)
    made = plan(pack, matrix="random", variants=2)
    assert (made.spec.randomizer.space, made.warnings) == ("17", ())
    assert [job.prompt_number for job in plan(pack, max_prompts=2, max_images=4, count=3).jobs] == [1, 1, 1, 2]


def test_a_space_beyond_all_bounds_is_counted_and_sampled():
    pack = txt("h", " ".join(f"{{{'|'.join(map(str, range(10)))}}}" for _ in range(40)))
    assert "about 10^40 jobs" in refusal(pack)
    made = plan(pack, limit=50, seed=1)
    assert len(set(prompts(made))) == 50 and made.spec.randomizer.space == "1" + "0" * 40
    assert "50 of about 10^40 variants, spread evenly." in made.warnings
    shown = plan(pack, show=20)
    assert shown.total == 10**40 and len(shown.jobs) >= 20 and not shown.plan_hash
    assert "run.max_variants allows" in shown.warnings[0]


def test_very_many_jobs_are_told_before_they_are_made():
    made = plan(prompt=" ".join(["{1|2|3|4|5|6|7|8|9|0}"] * 4), seed=1)
    assert len(made.jobs) == 10_000
    assert "10,000 jobs: --limit, --variants or --matrix random make fewer." in made.warnings


def test_locks_rerolls_and_new_places_leave_the_others_as_they_are():
    text = "{red|blue|green|white} boat at __sky__, {calm|rough|misty} sea"

    def picks(text=text, **flags):
        made = plan(prompt=text, library=SKY, matrix="random", variants=40, seed=9, **flags)
        return [{pick.key: pick.value for pick in job.picks} for job in made.jobs]

    plain = picks()
    hull, sea = "{red|blue|green|white}", "{calm|rough|misty}"
    locked = picks(lock=("__sky__=a storm",))
    assert [(one[hull], one[sea]) for one in locked] == [(one[hull], one[sea]) for one in plain]
    assert {one["__sky__"] for one in locked} == {"a storm"}
    again = picks(reroll=(f"{hull}=1",))
    assert [(one["__sky__"], one[sea]) for one in again] == [(one["__sky__"], one[sea]) for one in plain]
    assert [one[hull] for one in again] != [one[hull] for one in plain]
    more = picks(text + ", {day|night}")
    assert [{key: one[key] for key in (hull, "__sky__", sea)} for one in more] == plain
    assert len(plan(prompt=text, lock=(f"{hull}=red", "sky=noon"), library=SKY).jobs) == 3
    assert "\n" not in refusal(prompt="a |\n\n| b", search=("|\n\n|=>c",), lock=("x=1",))
    assert "no prompt has a place '{soft|hard}'" in refusal(prompt=text, lock=("{soft|hard}=x",), library=SKY)
    assert "no prompt has a place '__sly__'" in refusal(prompt=text, lock=("__sly__=x",), library=SKY)


def test_rules_of_search_and_replace_are_one_more_place():
    made = plan(prompt="a boat at sea", search=("boat => boat | ship | {old|new} raft",), library=SKY)
    assert prompts(made) == ["a boat at sea", "a ship at sea", "a old raft at sea", "a new raft at sea"]
    assert made.spec.randomizer.search == ("boat => boat | ship | {old|new} raft",)
    assert "is no rule" in refusal(prompt="a", search=("boat",))
    assert plan(prompt="a", search=("boat => ship",), vary=("words=raft,oar",)).warnings == (
        "--search: no prompt has 'boat' in it.", "--vary words: no prompt has 'raft' in it.",
    )  # fmt: skip


def test_a_profiles_weights_steer_what_is_drawn_and_say_so():
    profile = TextFile(name="p.yaml", text="name: mira\nwildcards: {sky: {dusk: 0, dawn: 9}}")
    made = plan(prompt="__sky__", profile=profile, matrix="random", variants=200, library=SKY, seed=1)
    skies = Counter(job.picks[0].value for job in made.jobs)
    assert skies["dusk"] == 0 and skies["dawn"] > skies["noon"] > 8
    sources = {job.picks[0].value: job.picks[0].source for job in made.jobs}
    assert sources["dawn"] == "wildcard sky.txt:1 (profile mira x9)" and sources["noon"] == "wildcard sky.txt:3"
    combined = plan(prompt="__sky__", profile=profile, library=SKY)
    assert [job.picks[0].source for job in combined.jobs] == ["wildcard sky.txt:1", "wildcard sky.txt:3"]
    held = plan(prompt="__sky__", profile=profile, library=SKY, matrix="random", lock=("sky=dawn",))
    assert held.jobs[0].picks[0].source == "--lock"


def test_a_randomization_block_varies_as_it_did_in_stablenew():
    block = {
        "enabled": True,
        "prompt_sr": {
            "enabled": True,
            "mode": "fanout",
            "rules": [{"search": "boat", "replacements": ["ship", "raft"]}],
        },
        "wildcards": {"enabled": True, "mode": "random", "tokens": [{"token": "__hue__", "values": ["red", "blue"]}]},
        "matrix": {"enabled": True, "mode": "fanout", "raw_text": "hour: noon | dusk"},
    }
    pack = {"pack_data": {"slots": [{"text": "a __hue__ boat at [[hour]]"}]}, "preset_data": {"randomization": block}}
    made = plan(TextFile(name="p.json", text=json.dumps(pack)), seed=1)
    words = [prompt.replace("red", "HUE").replace("blue", "HUE") for prompt in prompts(made)]
    assert sorted(words) == [f"a HUE {what} at {hour}" for what in ("raft", "ship") for hour in ("dusk", "noon")]
    shelf = Shelf(presets={"mine": json.dumps({"randomization": {**block, "max_variants": 2}})})
    made = plan(prompt="a __hue__ boat at [[hour]]", preset="mine", library=shelf)
    assert len(made.jobs) == 2 and not [one for one in made.warnings if "randomization" in one]


@pytest.mark.parametrize(
    ("text", "told"),
    [("a {red|blue boat", "--prompt:1:3"), ("a red|blue} boat {", "--prompt:1:"), ("${a=!{b|c}", "--prompt:1:1")],
)
def test_broken_grammar_is_refused_with_its_place(text, told):
    assert told in refusal(prompt=text)


def test_a_cycle_between_wildcards_is_refused_with_both_places():
    shelf = Shelf(wildcards={"one": "__two__", "two": "calm\n__one__"})
    sentence = refusal(prompt="__one__", library=shelf)
    assert "one.txt:1" in sentence and "two.txt:2" in sentence
