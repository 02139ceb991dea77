"""What a text of the library says, and who names its things."""

import pytest

from daemon.library.contents import said
from daemon.library.shelf import FolderShelf
from daemon.library.uses import uses
from schema.errors import Refused
from schema.places import places

TEXTS = {
    "wildcard": ("sky.yaml", "sky: [dawn, {text: dusk, weight: 2}]\nsea: [calm]\n",
                 [("sky", "", "dawn"), ("sky", "2x", "dusk"), ("sea", "", "calm")]),
    "style": ("ink.csv", "name,prompt,negative_prompt\nink,ink of {prompt},blur\n",
              [("", "around the prompt", "ink of {prompt}"), ("", "negative", "blur")]),
    "profile": ("mira.yaml", "name: Mira\ncharacter: a cartographer\nwildcards: {weather: {rain: 3, sun: 0}}\n"
                             "loras: [{name: ink_line, weight: 0.7}]\n",
                [("", "name", "Mira"), ("", "character", "a cartographer"), ("LoRAs", "ink_line", "0.7"),
                 ("wildcards", "weather", "rain 3x, sun never")]),
    "preset": ("fine.json", '{"txt2img": {"steps": 31, "cfg_scale": 6.5}, "nowhere": {"x": 3}}',
               [("txt2img", "steps", "31"), ("txt2img", "cfg", "6.5"),
                ("not for the standard pipeline", "", "nowhere.x")]),
    "pipeline": ("own.json", '{"stages": [{"type": "txt2img", "steps": 12}, {"type": "upscale", "enabled": false}]}',
                 [("txt2img", "txt2img", "on"), ("txt2img", "steps", "12"), ("upscale", "upscale", "off")]),
    "template": ("wide.yaml", "prompt: a wide view of {prompt}\nset: {txt2img.cfg: 6}\n",
                 [("", "name", "wide"), ("", "prompt", "a wide view of {prompt}"), ("", "fills in", "prompt"),
                  ("sets", "txt2img.cfg", "6")]),
    "overlay": ("soft.yaml", "grades: [warm]\nfields: {txt2img.cfg: [5.0, 7.5]}\n",
                [("", "name", "soft"), ("colour grades", "", "warm"), ("settings", "txt2img.cfg", "5 to 7.5")]),
}  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS)
def test_each_kind_is_told_line_by_line(kind):
    file, text, lines = TEXTS[kind]
    assert [(one.of, one.name, one.value) for one in said(kind, file, text)] == lines


def test_what_cannot_be_read_is_refused_with_its_place():
    with pytest.raises(Refused, match="holds no pipeline"):
        said("pipeline", "own.json", "{}")


@pytest.fixture
def shelf(tmp_path):
    home = places({"STABLENEW_HOME": str(tmp_path / "home")})
    files = {
        "wildcards/weather/mist.txt": "thin\nthick\n",
        "wildcards/mood.txt": "calm\nunder __weather/mist__\n",
        "packs/coast.txt": "a bay\n\na pier in __mist__ <lora:sea/haze:0.7>\n",
        "packs/slots.txt": "a bay in the [[weather/mist]]\n",
        "packs/all.txt": "a bay, __weather/*__\n",
        "packs/none.txt": "a bay in mist, haze and inkwell\n",
        "styles/mine.csv": "name,prompt\ninky,ink\n",
        "profiles/mira.yaml": "character: Mira\nstyle: Inky\nloras: [{name: haze, weight: 0.5}]\n",
    }
    for name, text in files.items():
        path = home.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return FolderShelf(home)


def test_a_wildcard_is_used_by_its_name_its_path_a_glob_and_a_slot(shelf):
    found = {(use.noun, use.name, use.line) for use in uses(shelf, "wildcards", "weather/mist")}
    assert found == {("packs", "coast", 3), ("packs", "slots", 1), ("packs", "all", 1), ("wildcards", "mood", 2)}


def test_loras_and_styles_are_used_where_they_are_named_and_not_where_a_word_is_alike(shelf):
    assert {(use.noun, use.name) for use in uses(shelf, "loras", "sea/haze")} == {
        ("packs", "coast"), ("profiles", "mira"),
    }  # fmt: skip
    assert [(use.name, use.words) for use in uses(shelf, "styles", "inky")] == [("mira", "style: Inky")]
    assert uses(shelf, "pipelines", "own") == ()
