"""Whatever people write into prompts and flags: a plan that keeps its promises, or one sentence that refuses it."""

import string
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for `plan_world`

from plan_world import Shelf, plan, txt

from schema.errors import Refused
from schema.requests import Edit, TextFile

PROFILE = """
character: a {tall|small} cook
wildcards: {a: {red: 0, blue: 4}}
loras: [{name: l, weight: [0.2, 0.6]}]
"""
OVERLAY = """
styles: [ink, hourly]
grades: [{text: warm, probability: 0.5}]
fields: {txt2img.cfg: [4, 6.5]}
most: 1
"""
SHELF = Shelf(
    wildcards={"a": "red\nblue\n__b__", "b": "dawn\n{soft|hard} noon", "c/d": "one\n[[y]]", "y": "1\n2"},
    profiles={"p": PROFILE},
    templates={"t": "prompt: 'wide {prompt} in {setting}'\nset: {txt2img.steps: 9}"},
    overlays={"o": OVERLAY},
)
SIGNS = [
    "{", "}", "|", "__", "[[", "]]", "$", "$$", "::", "=", "!", "~", "@", "%{", "}", "\\", "#", "...", "2", "0", "a",
    "b", "c/d", "*", "x", " ", ",", "(", ")", "<lora:x:1>", ":1.2", "\n", "\t", "é", "\x00", "=>", "\ud800",
]  # fmt: skip
PIECES = [
    "{red|blue}", "{2$$a|b|c}", "{1-2$$ and $$a|b}", "__a__", "__c/*__", "[[x]]", "${v={a|b}}", "${v}", "%{a ... b$$c}",
    "{3::a|b}", "{~a|b}", "__nobody__", "boat", "(fog:1.2)", "<lora:l:0.3>", "[y|z]", "\\{k\\}",
]  # fmt: skip
AXES = ["txt2img.cfg=3,..,6", "lora=l:0.1,none", "style=ink,none", "words=boat,raft"]
SEARCHES = ["boat => ship | __b__", "red => ", "a=>{b|c}"]
LOCKS = ["a=red", "__b__=dusk", "x=9"]

text = st.lists(st.sampled_from(SIGNS + PIECES), max_size=12).map("".join)
tame = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(" ".join)
few = st.none() | st.integers(1, 6)


def one_of(words, *free):
    """None or one of them, as a flag that may be given several times."""
    strategy = st.sampled_from(words)
    for more in free:
        strategy |= more
    return st.lists(strategy, max_size=1).map(tuple)


@st.composite
def wishes(draw, words, *free):
    packs = [txt(f"k{n}", f"#! [[x]] = 1 | {{2|3}}\n\n{draw(words)} [[x]]") for n in range(draw(st.integers(0, 2)))]
    return {
        "prompt": draw(words),
        "negative": draw(st.none() | words),
        "packs": packs,
        "matrix": draw(st.sampled_from([None, "all", "rotate", "sequential", "random"])),
        "order": draw(st.sampled_from(["sequential", "random", "weighted"])),
        "limit": draw(st.integers(1, 30)),
        "variants": draw(few),
        "count": draw(st.integers(1, 2)),
        "max_images": draw(few),
        "max_prompts": draw(few),
        "seed": draw(st.integers(0, 2**40)),
        "search": draw(one_of(SEARCHES, *free)),
        "lock": draw(one_of(LOCKS, *free)) if packs else (),
        "reroll": draw(one_of(["overlay=1", "a=2"])),
        "vary": tuple(draw(st.lists(st.sampled_from(AXES), max_size=2, unique=True))),
        "style": draw(one_of(["ink", "hourly"])),
        "profile": draw(st.none() | st.just("p")),
        "template": draw(st.none() | st.just("t")),
        "overlay": draw(st.none() | st.just("o")),
        "edits": draw(st.just(()) | st.just((Edit(name="prompt-01-v1", prompt="edited"),))),
    }


def holds(wish):
    packs = wish.pop("packs")
    try:
        made = plan(*packs, library=SHELF, **wish)
    except Refused as refused:
        sentence = refused.told()
        assert sentence and "\n" not in sentence and "pydantic" not in sentence and len(sentence) < 1000
        return 0
    names = [job.name for job in made.jobs]
    assert len(set(names)) == len(names) == made.spec.jobs == made.total > 0
    assert len({(job.pack, job.name.rsplit("-", 1)[0]) for job in made.jobs}) <= wish["limit"]
    for pack in made.spec.packs:
        assert pack.jobs <= (wish["max_images"] or pack.jobs) and pack.prompts <= (wish["max_prompts"] or 99)
    for job in made.jobs:
        assert {"prompt", "seed", *job.overlay} <= job.origins.keys()
        job.prompt.encode()
    again = plan(*packs, library=SHELF, **{**wish, "plan_hash": made.plan_hash})
    assert again.jobs == made.jobs
    return len(names)


@settings(deadline=None, max_examples=60)
@given(wishes(tame))
def test_whatever_makes_sense_is_planned_as_it_was_shown(wish):
    holds(wish)


@settings(deadline=None, max_examples=60)
@given(wishes(text, text))
def test_whatever_is_written_is_planned_or_refused_in_a_sentence(wish):
    holds(wish)


@pytest.mark.long
@settings(deadline=None, max_examples=3000)
@given(wishes(tame) | wishes(text, text))
def test_whatever_is_written_is_planned_or_refused_for_long(wish):
    holds(wish)


@pytest.mark.long
@settings(deadline=None, max_examples=2000)
@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_at_all_is_a_prompt_or_is_refused(prompt):
    for matrix in ("all", "random"):
        try:
            plan(prompt=prompt, library=SHELF, limit=5, matrix=matrix)
        except Refused as refused:
            assert refused.told()


def test_files_of_all_kinds_that_are_broken_are_named():
    for flag in ("profile", "template", "overlay"):
        file = TextFile(name=f"mine.{flag}.yaml", text="{broken: [")
        with pytest.raises(Refused) as refused:
            plan(prompt="a", **{flag: file})
        assert f"mine.{flag}.yaml:" in refused.value.told()
