"""Profiles, templates and overlays: forgiving in their names, exact in their faults."""

import pytest

from daemon.prompting.chosen import Part
from daemon.prompting.overlays import read_overlay
from daemon.prompting.profiles import read_profile
from daemon.prompting.ranges import Field
from daemon.prompting.templates import Template, fill, fill_negative, read_template, read_templates
from schema.errors import Refused


def refusal(reads, file, text):
    with pytest.raises(Refused) as refused:
        reads(file, text)
    return refused.value.told()


def test_a_profile_says_who_where_and_what_is_drawn_more_often():
    mira = read_profile(
        "mira.yaml",
        "character: {name: Mira, look: green coat}\nsetting: [harbour, rain]\nstyle: ink\n"
        "backstory: >\n  She draws\n  maps.\n"
        'Wildcard-Weights: {__Weather/Sky__: {dawn: 3, dusk: 0}, light: ["2::hard", soft, {text: low, weight: 4}]}\n'
        "loras: [{name: ink_line, weight: 0.7}, [haze, 0.4], '<lora:film:0.3>', plain]\nmemory: 5\noverlay: gentle\n",
    )
    assert (mira.name, mira.character, mira.setting) == ("mira", "Mira, green coat", "harbour, rain")
    assert mira.backstory == "She draws maps." and mira.memory == 5 and mira.overlay == "gentle" and not mira.warnings
    assert [mira.weight(*one) for one in (("weather/sky", "dawn"), ("WEATHER\\sky", "dusk"), ("sky", "dawn"))] == [
        3,
        0,
        1,
    ]
    assert [mira.weight("__light__", one) for one in ("hard", "soft", "low", "other")] == [2, 1, 4, 1]
    assert [(one.name, one.low) for one in mira.loras] == [
        ("ink_line", 0.7),
        ("haze", 0.4),
        ("film", 0.3),
        ("plain", 1.0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "M", "character": "x", "loras": {"ink": 0.5}}',
        '{"profile": {"title": "M", "Character": "x", "LoRAs": [{"lora": "ink", "strength": "0.5"}]}}',
        "name: M\ncharacters: [x]\nlora: ink:0.5",
    ],
)
def test_profiles_of_other_hands_are_understood(text):
    profile = read_profile("m.json" if text.startswith("{") else "m.yaml", text)
    assert (profile.name, profile.character, profile.loras[0][:3]) == ("M", "x", ("ink", 0.5, 0.5))


def test_what_a_profile_does_not_know_is_told_with_the_nearest():
    profile = read_profile("m.yaml", "character: x\nbackstroy: y")
    assert profile.warnings == ("m.yaml:2:1: 'backstroy' is not understood and not used. Did you mean 'backstory'?",)
    assert "says nothing yet" in read_profile("m.json", "{}").warnings[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "m.yaml: is empty"),
        ("- a", "m.yaml:1:1: a character or a setting is a table"),
        ("character: true", "m.yaml:1:1: words must stand here"),
        ("wildcards: {sky: dawn}", "m.yaml:1:13: which values of 'sky'?"),
        ("wildcards: {sky: {dawn: much}}", "m.yaml:1:19: a number must stand here"),
        ("wildcards: {sky: {dawn: -1}}", "m.yaml:1:19: -1 is not from 0"),
        ("loras: [{name: a, weight: 11}]", "m.yaml:1:19: 11 is not from -10 to 10"),
        ("loras: [{weight: 1}]", "this entry has no name"),
        ("memory: 99", "m.yaml:1:1: 99 is not from 0 to 50"),
        ("character: x\nloras: [1, 2", "m.yaml:3:1: broken YAML"),
    ],
)
def test_a_broken_profile_is_told_with_its_place(text, told):
    assert told in refusal(read_profile, "m.yaml", text)


def test_an_overlay_says_what_may_vary_and_how_far():
    gentle = read_overlay(
        "gentle.yaml",
        "styles: [{name: ink, weight: 2}, soft]\n"
        "loras: [{name: haze, weight: [0.4, 0.8], probability: 0.5}, {name: film, weight: 0.2-0.4}]\n"
        "embeddings: [fine]\ngrades: [warm, {text: cool, weight: 3, probability: 0.2}]\n"
        "fields:\n  txt2img.cfg: [5.0, 7.5]\n  txt2img.steps: [20, 30]\n"
        "  txt2img.sampler: {values: [Euler, DDIM], weights: [1, 2]}\n"
        "  detail: {denoise: {from: 0.2, to: 0.4, step: 0.1}, enabled: [true, false]}\n"
        "most: 2\nprobability: 0.7\n",
    )
    assert (gentle.name, gentle.most, gentle.probability, gentle.warnings) == ("gentle", 2, 0.7, ())
    assert [(one.text, one.weight) for one in gentle.styles] == [("ink", 2.0), ("soft", 1.0)]
    assert gentle.loras[0] == Part("haze", 0.4, 0.8, 1.0, 0.5, "gentle.yaml:2") and gentle.loras[1][1:3] == (0.2, 0.4)
    assert [one.probability for one in gentle.grades] == [None, 0.2]
    cfg, steps, sampler, denoise, enabled = gentle.fields
    assert (cfg.low, cfg.high, cfg.whole, cfg.step) == (5.0, 7.5, False, 0.0)
    assert (steps.low, steps.high, steps.whole, steps.step) == (20.0, 30.0, True, 1.0)
    assert sampler == Field("txt2img.sampler", ("Euler", "DDIM"), (1.0, 2.0), source="gentle.yaml:8")
    assert (denoise.key, denoise.step, enabled.values) == ("detail.denoise", 0.1, (True, False))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: x", "nothing in it varies"),
        ("fields: {cfg: [1, 2]}", "'cfg' is no stage.field"),
        ("fields:\n  txt2img.cfg: [9, 5]", "o.yaml:2:3: the range ends before it begins"),
        ("fields: {txt2img.cfg: {values: [1, 2], weights: [1]}}", "2 values and 1 weights"),
        ("fields: {txt2img.cfg: {values: [1], weights: [0]}}", "1 values and 1 weights"),
        ("fields: {txt2img.cfg: {step: 1}}", "what may it become?"),
        ("fields: {txt2img.cfg: []}", "has no value"),
        ("fields: {txt2img.cfg: [[1]]}", "a value must stand here"),
        ("loras: [{name: a, weight: [0.8, 0.4]}]", "a smaller and a larger end"),
        ("grades: [{weight: 2}]", "this entry has no 'text'"),
        ("grades: [x]\nprobability: 2", "o.yaml:2:1: 2 is not from 0 to 1"),
    ],
)
def test_a_broken_overlay_is_told_with_its_place(text, told):
    assert told in refusal(read_overlay, "o.yaml", text)


def test_a_template_is_filled_and_what_nobody_gives_leaves_no_trace():
    frame = Template(
        "p", "portrait of {character}, {prompt}, {setting}, {dawn|dusk} light, in {style}", "text, {negative}"
    )
    assert frame.holes == ("character", "prompt", "setting", "style", "negative")
    assert fill(frame, {"prompt": "reading"}) == "portrait, reading, {dawn|dusk} light"
    assert fill(frame, {"prompt": "a", "character": "Mira", "setting": "b", "style": "ink"}) == (
        "portrait of Mira, a, b, {dawn|dusk} light, in ink"
    )
    assert fill_negative(frame, {"negative": "fog"}) == "text, fog" and fill_negative(frame, {}) == "text"


def test_a_prompt_without_a_place_of_its_own_is_the_subject_or_stands_behind():
    scene = Template("s", "wide shot of {scene}, {lighting}")
    assert fill(scene, {"prompt": "a mill"}) == "wide shot of a mill"
    assert fill(scene, {"prompt": "a cat", "scene": "a mill"}) == "wide shot of a mill, a cat"
    assert fill(Template("x", "only words"), {"prompt": "a mill"}) == "only words, a mill"


def test_templates_are_read_as_yaml_text_and_stablenews_collection():
    made = read_template(
        "p.yaml", "genre: people\nprompt: of {prompt}\nset: {txt2img: {cfg: 6, hires.scale: 2}, detail.enabled: false}"
    )
    assert made.set == {"txt2img.cfg": "6", "txt2img.hires.scale": "2", "detail.enabled": "false"}
    assert (made.name, made.genre) == ("p", "people")
    assert read_template("t.txt", "# frame\nwide view of {prompt}\nneg: text\n")[:3] == (
        "t",
        "wide view of {prompt}",
        "text",
    )
    text = '{"version": 1, "templates": {"wide": {"label": "Wide", "category": "shot", "template": "wide {scene}"}}}'
    assert [(one.name, one.genre, one.prompt) for one in read_templates("t.json", text)] == [
        ("wide", "shot", "wide {scene}")
    ]
    assert "has no prompt" in refusal(read_template, "p.yaml", "name: x")
    assert "'cfg' is no stage.field" in refusal(read_template, "p.yaml", "prompt: x\nset: {cfg: 6}")
