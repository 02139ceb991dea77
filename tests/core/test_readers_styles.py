"""Styles of every program: read, put around prompts, taken off again, and changed one by one within their file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.csvtext import quoted, records
from daemon.prompting.styles import Style, against, around, read_styles
from daemon.prompting.styletext import as_file, renamed, without, written
from schema.errors import Refused

CSV = (
    "\ufeffname,prompt,negative_prompt\r\n"
    'ink,"{prompt}, ink, ""wash""",blurry\r\n'
    "---- LIGHT ----,,\r\n"
    "# off,x,y\r\n"
    'soft, "soft\r\nlight" ,\r\n'
)

INK = Style("ink", "{prompt}, ink drawing", "photo")
SOFT = Style("soft", "soft light", "")


def test_styles_csv_is_read_as_sd_webui_writes_it():
    assert read_styles("styles.csv", CSV) == (
        Style("ink", '{prompt}, ink, "wash"', "blurry", "styles.csv:2"),
        Style("soft", "soft\nlight", "", "styles.csv:5"),
    )
    old = read_styles("old.csv", "name,text\nwood, woodcut\n")
    assert old == (Style("wood", "woodcut", "", "old.csv:2"),)


def test_of_two_with_one_name_the_later_counts_and_it_is_told():
    told: list[str] = []
    found = read_styles("s.csv", "name,prompt\nink,a\nInk,b\n,c\nempty,\n", told)
    assert [style.prompt for style in found] == ["b"]
    assert told == [
        "s.csv:3: 'Ink' stands twice; this one is used.",
        "s.csv:4: a style without a name was left out.",
        "s.csv:5: a style without words was left out.",
    ]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("i.csv", "name,positive_prompt,negative_prompt\nink,p,n\n"),
        ("i.json", '[{"name": "ink", "prompt": "p", "negative_prompt": "n"}]'),
        (
            "i.json",
            '[{"name": "ink", "type": "user", "preset_data": {"positive_prompt": "p", "negative_prompt": "n"}}]',
        ),
        ("i.json", '{"name": "ink", "positive_prompt": "p", "negative_prompt": "n"}'),
        ("i.json", '{"ink": {"author": "us", "param_map": {"prompt": "p", "negativeprompt": "n"}}}'),
        ("i.json", '{"styles": [{"name": "ink", "prompt": "p", "negative_prompt": "n"}]}'),
        ("i.yaml", "- {name: ink, prompt: p, negative: n}"),
        ("noending", '[{"name": "ink", "prompt": "p", "negative": "n"}]'),
    ],
)
def test_every_programs_way_to_write_a_style_is_read(file, text):
    (style,) = read_styles(file, text)
    assert (style.name, style.prompt, style.negative) == ("ink", "p", "n") and style.source.startswith(file)


def test_a_swarm_preset_says_value_where_the_prompt_goes():
    (style,) = read_styles("i.json", '{"ink": {"param_map": {"prompt": "ink of {value}, lines", "cfgscale": "7"}}}')
    assert around(style, "a mill") == "ink of a mill, lines"


def test_a_style_of_a_lora_names_it_in_its_words():
    text = '{"styles": [{"display_name": "Grit", "trigger_phrase": "film grain", "lora_name": "grit", "weight": 0.65}]}'
    assert read_styles("l.json", text)[0].prompt == "film grain <lora:grit:0.65>"


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("s.csv", "ink,foo\n", "s.csv:1:1: the first row does not name the columns"),
        ("s.csv", 'name,prompt\nink,"never ends\nx,y\n', "s.csv:2:5: this quote never ends"),
        ("s.json", '[{"name": "a", "prompt": 3}]', "s.json:1:16: 'prompt' is no text"),
        ("s.json", "3", "holds no styles"),
        ("s.json", '[{"name": "a", "prompt": "x"', "broken JSON"),
    ],
)
def test_broken_styles_are_told_with_their_place(file, text, told):
    with pytest.raises(Refused) as refused:
        read_styles(file, text)
    assert told in refused.value.told()


def test_a_style_wraps_or_stands_behind():
    assert around(INK, "a mill") == "a mill, ink drawing" and around(SOFT, "a mill,") == "a mill, soft light"
    assert against(INK, "fog") == "fog, photo" and against(SOFT, "fog") == "fog"


def test_one_style_is_renamed_or_taken_out_and_the_rest_keeps_its_letters():
    assert (
        renamed("s.csv", CSV, "INK", "new, ink") == CSV.replace('ink,"{prompt}', '"new, ink","{prompt}')
        and without("s.csv", CSV, "soft") == CSV[: CSV.index("soft,")]
    )
    text = '[\n  {"name": "a", "prompt": "p"},\n  {"name": "b",  "prompt": "q"}\n]\n'
    assert renamed("s.json", text, "b", "ç") == text.replace('"b"', '"ç"')
    assert without("s.json", text, "a") == '[\n  {"name": "b",  "prompt": "q"}\n]\n'
    assert without("s.json", text, "b") == '[\n  {"name": "a", "prompt": "p"}\n]\n'
    with pytest.raises(Refused, match="Edit the file itself"):
        without("s.yaml", "- {name: a, prompt: b}", "a")


def test_words_alone_become_a_style():
    assert read_styles("s.csv", as_file("oil", "oil painting,\n of {prompt}\nneg: photo\n")) == (
        Style("oil", "oil painting, of {prompt}", "photo", "s.csv:2"),
    )
    assert as_file("x", CSV) == CSV and as_file("x", '[{"name": "a"}]') == '[{"name": "a"}]'
    assert "{prompt}, ink" in as_file("x", "{prompt}, ink")


FIELD = st.text('ab ,"\n\r#é雪', max_size=12)


@given(st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=5))
@settings(max_examples=100, deadline=None)
def test_what_is_quoted_is_read_again(rows):
    text = "".join(",".join(quoted(field) for field in row) + "\n" for row in rows)
    kept = [tuple(field for field in row) for row in rows if any(field.strip() for field in row)]
    found = list(records("x.csv", text))
    assert [tuple(one.fields) for one in found] == kept
    kept_text = "".join(",".join(quoted(field) for field in row) + "\n" for row in kept)
    assert "".join(text[one.start : one.end] for one in found) == kept_text


@given(
    st.lists(
        st.builds(Style, st.sampled_from("abcd"), st.text("xy {}", min_size=1, max_size=8), st.just("n")), max_size=4
    )
)
@settings(max_examples=50, deadline=None)
def test_styles_that_are_written_are_read_again(styles):
    once = {style.name: style for style in styles if style.prompt.strip()}
    found = read_styles("s.csv", written(tuple(once.values())))
    assert [(one.name, one.prompt, one.negative) for one in found] == [
        (one.name, one.prompt.strip(), one.negative) for one in once.values()
    ]
