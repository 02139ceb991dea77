"""JSON and YAML with places: what is read, what is refused and where, and that no few lines become gigabytes."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.marked.nodes import Node
from daemon.prompting.marked.reading import read
from daemon.prompting.written import read_yaml
from schema.errors import Refused

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 6)}]\n" for n in range(8)
)


def plain(node: Node) -> object:
    match node.value:
        case dict():
            return {key: plain(one) for key, one in node.value.items()}
        case list():
            return [plain(one) for one in node.value]
        case _:
            return node.value


def refusal(file, text, most=1_000_000):
    with pytest.raises(Refused) as refused:
        read(file, text, most)
    return refused.value.told()


def test_every_value_knows_its_line_and_column():
    tree = read("sky.yaml", "sky:\n  - dawn\n  - {text: dusk, weight: 2}\n", 1000)
    sky = tree.value["sky"]
    assert (sky.line, sky.column) == (1, 1)
    assert [(one.line, one.column) for one in sky.value] == [(2, 5), (3, 5)]
    assert (sky.value[1].value["weight"].line, sky.value[1].value["weight"].column) == (3, 18)
    tree = read("sky.json", '{\n "sky": ["dawn",\n  "dusk"]}', 1000)
    assert [(one.line, one.column) for one in tree.value["sky"].value] == [(2, 10), (3, 3)]


def test_a_json_value_knows_the_letters_it_takes():
    text = '{"a": [1, "two"], "b": {"c": null}}'
    tree = read("x.json", text, 1000)
    assert text[tree.value["a"].value[1].start : tree.value["a"].value[1].end] == '"two"'
    assert text[tree.value["b"].start : tree.value["b"].end] == '{"c": null}'


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("a.json", '{"a": 1,}', "a.json:1:9: broken JSON: a key in double quotes"),
        ("a.json", '{"a": [1\n 2]}', "a.json:2:2: broken JSON: ',' or ']' must stand here"),
        ("a.json", '{"a": "half', "a.json:1:7: broken JSON: unterminated string"),
        ("a.json", '{"a": ["b"', "(the file ends too early)"),
        ("a.json", '{"a": NaN}', "a.json:1:7: broken JSON: NaN is no number"),
        ("a.json", '{"a": -Infinity}', "is no number"),
        ("a.json", '{"a": 1e999}', "too large"),
        ("a.json", '{"a": 1, "a": 2}', "a.json:1:10: broken JSON: the key 'a' stands twice"),
        ("a.json", "[" * 60 + "]" * 60, "more than 32 levels"),
        ("a.json", '["a"] x', "something stands behind the end"),
        ("a.json", "", "expecting value (the file ends too early)"),
        ("a.yaml", "a: [1,\nb: 2", "did not find expected ',' or ']' for what begins at 1:4"),
        ("a.yaml", "\ta: 1", "a.yaml:1:1: broken YAML"),
        ("a.yaml", "a: 1\na: 2", "a.yaml:2:1: broken YAML: the key 'a' stands twice"),
        ("a.yaml", "a: .nan", "a.yaml:1:4: broken YAML: .nan is no number"),
        ("a.yaml", "a: !!python/object/apply:os.system [x]", "a.yaml:1:4: broken YAML: the tag"),
        ("a.yaml", "a: !!binary aGk=", "the tag"),
        ("a.yaml", "a: 1\n---\nb: 2", "a.yaml:2:1: broken YAML: a second document"),
        ("a.yaml", "a: &a [*a]", "a.yaml:1:8: broken YAML: the alias '*a' stands for nothing yet, or for itself"),
        ("a.yaml", "a: *nowhere", "stands for nothing yet"),
        ("a.yaml", BOMB, "more than 1,000,000 values"),
        ("a.yaml", "x: &x 1\ny: [" + "*x, " * 60 + "]", "more than 50 aliases"),
        ("a.yaml", "a: \0b", "broken YAML"),
        ("a.yaml", "? [a, b]\n: c", "a.yaml:1:3: broken YAML: a key must be one word"),
        ("a.yaml", "- " * 60 + "a", "more than 32 levels"),
        ("a.yaml", "a: " + "9" * 5000, "too large"),
    ],
)
def test_what_is_broken_is_told_with_its_place(file, text, told):
    assert told in refusal(file, text)


def test_a_file_beyond_its_limit_is_not_read():
    assert "larger than 1 kB" in refusal("a.yaml", "é" * 600, 1000)


def test_yaml_is_read_as_people_mean_it():
    text = "\ufeffratio: 16:9\nday: 2026-05-01\nbase: &b {x: a}\nmine: {<<: *b, y: b}\n1: number\nyes: truth\nn: 0x1F\n"
    assert plain(read("a.yaml", text, 1000)) == {
        "ratio": "16:9", "day": "2026-05-01", "base": {"x": "a"}, "mine": {"x": "a", "y": "b"}, "n": 31,
    }  # fmt: skip
    assert plain(read("a.yaml", "", 10)) is None


SIMPLE = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("ab c:#-'\"\n{}[],é雪", max_size=12)
TREES = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_", max_size=6), inner, max_size=4)
)


@given(TREES)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(tree):
    assert plain(read("a.json", json.dumps(tree), 100_000)) == tree
    assert plain(read("a.json", json.dumps(tree, indent="\t", ensure_ascii=False), 100_000)) == tree
    assert plain(read("a.yaml", yaml.safe_dump(tree, allow_unicode=True), 100_000)) == tree


@given(st.text('{}[]:,"ab1 \n-&*!', max_size=60), st.sampled_from(["a.json", "a.yaml"]))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_refused_with_its_file(text, file):
    try:
        read(file, text, 100_000)
    except Refused as refused:
        assert refused.where.startswith(file)


MERGES = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{','.join(['*' + chr(97 + n)] * 5)}]}}\n" for n in range(9)
)
FEW = "a: &a [x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 5)}]\n" for n in range(9)
)


@pytest.mark.parametrize(("text", "told"), [(MERGES, "merged keys"), (FEW, "stands for more than 100,000 values")])
def test_presets_and_pipelines_hold_no_bombs_either(text, told):
    with pytest.raises(Refused, match=told):
        read_yaml("p.yaml", text)
    assert "more than 1,000,000 values" in refusal("p.yaml", text)
