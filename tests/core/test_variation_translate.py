"""Prompts in other programs' words: what can be said there is said, what cannot is told, and nothing else changes."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.variation.tables import Value, WordTables
from daemon.prompting.variation.translate import translate
from daemon.prompting.variation.variants import Space
from schema.errors import Refused

TABLES = WordTables({"sky": [Value("dawn"), Value("dusk")], "art/oil": [Value("oil"), Value("ink")]})


@pytest.mark.parametrize(
    ("text", "source", "to", "becomes"),
    [
        ("a {red|blue} car", "dynamic", "swarm", "a <random:red|blue> car"),
        ("{3::a|b}", "dynamic", "swarm", "<random:a|a|a|b>"),
        ("{2$$a|b|c} {1-2$$ $$d|e}", "dynamic", "swarm", "<random[2,]:a|b|c> <random[1-2]:d|e>"),
        ("__art/oil__ {2$$__sky__}", "dynamic", "swarm", "<wildcard:art/oil> <wildcard[2,]:sky>"),
        ("${x=!{a|b}}${x} ${x}", "dynamic", "swarm", "<setvar[x,false]:<random:a|b>><var:x> <var:x>"),
        ("${x={a|b}}${x} ${x}", "dynamic", "swarm", "<setmacro[x,false]:<random:a|b>><macro:x> <macro:x>"),
        ("[a|b] [c:d:0.5] BREAK", "a1111", "swarm", "<alternate:a||b> <fromto[0.5]:c||d> <break>"),
        ("<lora:x:0.5:0.8> <lora:y:0.7>", "a1111", "swarm", "<lora:x:0.8:0.5> <lora:y:0.7>"),
        ("%{photo of ... at night$$a cat}", "dynamic", "swarm", "photo of a cat at night"),
        ("a <random:red, blue, dark green>", "swarm", "dynamic", "a {red|blue|dark green}"),
        ("<random:red, pale|blue>", "swarm", "dynamic", "{red, pale|blue}"),
        ("<random:a|b||c>", "swarm", "dynamic", r"{a\|b|c}"),
        ("<random:1-3, blue>", "swarm", "dynamic", "{{1|2|3}|blue}"),
        ("<random:0.9-1.1>", "swarm", "dynamic", "{{0.9|1.0|1.1}}"),
        ("<random[1-2]:a|b> <random[2,]:a|b>", "swarm", "dynamic", "{1-2$$ $$a|b} {2$$a|b}"),
        ("<random:a|<random:b|c>>", "swarm", "dynamic", "{a|{b|c}}"),
        ("<wc:a/b> <wildcard[2]:c>", "swarm", "stablenew", "__a/b__ {2$$ $$__c__}"),
        ("<setvar[c]:<random:a|b>> <var:c> <var[c]>", "swarm", "stablenew", "${c=!{a|b}}${c} ${c} ${c}"),
        ("<setmacro[m,false]:<random:a,b>><macro:m>", "swarm", "dynamic", "${m={a|b}}${m}"),
        ("<repeat[3]:cat>", "swarm", "dynamic", "cat cat cat"),
        ("<alt:a,b> <fromto[10]:a|b>", "swarm", "a1111", "[a|b] [a:b:10]"),
        ("<embed:soft> <comment:mine>", "swarm", "dynamic", "<embedding:soft> /* mine */"),
        ("{word} __sky__", "a1111", "dynamic", r"\{word\} __sky__"),
        ("{word} __sky__", "swarm", "dynamic", r"\{word\} \__sky__"),
        ("[[less]] [less]", "a1111", "stablenew", "(less:0.826) [less]"),
        ("plain (words:1.2), 50%", "stablenew", "swarm", "plain (words:1.2), 50%"),
    ],
)
def test_what_is_said_without_loss(text, source, to, becomes):
    assert translate(text, source, to) == (becomes, ())


@pytest.mark.parametrize(
    ("text", "source", "to", "becomes", "lost"),
    [
        (
            "[[weather]], [[weather]]",
            "stablenew",
            "dynamic",
            "${weather=!__weather__}${weather}, ${weather}",
            "weather",
        ),
        ("[[w]]", "stablenew", "swarm", "<setvar[w,false]:<wildcard:w>><var:w>", "needs a wildcard"),
        ("[[w]] {a|2::b}", "stablenew", "a1111", "__w__ b", "cannot vary"),
        ("{2$$ and $$a|b}", "dynamic", "swarm", "<random[2,]:a|b>", "a comma does"),
        ("{3::a|1.73::b}", "dynamic", "swarm", "<random:a|b>", "loses its weights"),
        ("{@a|b}", "dynamic", "swarm", "<random:a|b>", "whatever its mark"),
        ("__a*__", "dynamic", "swarm", "<wildcard:a*>", "globs"),
        ("__a(x=1)__", "dynamic", "swarm", "<wildcard:a>", "parameters"),
        ("{1-3|b}", "dynamic", "swarm", "<random:1-3|b>", "range"),
        ("<wildcard:a,not=b>", "swarm", "dynamic", "__a__", "not to take"),
        ("a<segment:face,0.6> b<param[cfgscale]:7>", "swarm", "dynamic", "a b", "no equal"),
        ("<repeat[99]:a>", "swarm", "dynamic", "a", "said once"),
        ("<random:<setvar[x]:a>|b>", "swarm", "dynamic", "${x=!a}{${x}|b}", "wherever it is used"),
        ("{a|b} /* mine */", "dynamic", "a1111", "a ", "remark"),
    ],
)
def test_what_is_lost_is_told(text, source, to, becomes, lost):
    made = translate(text, source, to)
    assert made.text == becomes and any(lost in each for each in made.losses), made


def test_a_broken_text_is_refused_with_its_place():
    with pytest.raises(Refused) as fault:
        translate("ok\n{a|b", "dynamic", "swarm", "p.txt:3")
    assert fault.value.where == "p.txt:4:1"


def test_the_same_dialect_is_left_as_it_is():
    assert translate("{a|b", "dynamic", "dynamic") == ("{a|b", ())


WORDS = st.sampled_from(["red", "old house", "(soft:1.2)", "<lora:a:0.4:0.8>", "__sky__", "50%", "[a|b]"])
PROMPTS = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3, unique=True).map(lambda some: "{" + "|".join(some) + "}"),
        st.lists(inner, min_size=2, max_size=3, unique=True).map(lambda some: "{2$$" + "|".join(some) + "}"),
        st.lists(inner, min_size=2, max_size=2, unique=True).map(lambda some: "{3::" + "|".join(some) + "}"),
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
        st.just("{1-2$$ $$__art/oil__}"),
    ),
    max_leaves=6,
)
SET = st.sampled_from(["", "${v=!{1|2}} ${v} ", "${v={1|2}} ${v} ${v} "])


def words_of(text):
    """Texts that a prompt has, white space aside, and how often each."""
    made = Space(text, tables=TABLES, slots={})
    return Counter(" ".join(one.text.split()) for one in made.take(400)) if made.total <= 400 else None


@settings(max_examples=50, deadline=None)
@given(SET, PROMPTS)
def test_there_and_back_again_means_the_same_unless_a_loss_was_told(start, prompt):
    there = translate(start + prompt, "dynamic", "swarm")
    back = translate(there.text, "swarm", "dynamic")
    if not there.losses and not back.losses:
        assert words_of(start + prompt) == words_of(back.text), (there.text, back.text)


SIGNS = st.text(alphabet="<>[]{}|:,$_=!#/ab12.random", max_size=40)
DIALECTS = st.sampled_from(["a1111", "dynamic", "swarm", "stablenew"])


@settings(max_examples=100, deadline=None)
@given(SIGNS, DIALECTS, DIALECTS)
def test_any_text_is_translated_or_refused(text, source, to):
    check_any(text, source, to)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=8000, deadline=None)
@given(SIGNS, DIALECTS, DIALECTS)
def test_very_many_texts_are_translated_or_refused(text, source, to):
    check_any(text, source, to)


def check_any(text, source, to):
    try:
        made = translate(text, source, to)
    except Refused:
        assert source in ("dynamic", "stablenew")
        return
    if to in ("dynamic", "stablenew") and source in ("a1111", "swarm"):
        translate(made.text, to, "swarm")  # is what it says it is
    if source == "a1111" and to == "dynamic" and "__" not in text:
        assert Space(made.text, tables=TABLES, slots={}).total == 1
