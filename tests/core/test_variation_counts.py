"""The space of a prompt: as many variants as it counts, each once, in every mode; the same as dynamicprompts makes."""

import re
from collections import Counter
from itertools import count

import pytest
from dynamicprompts.generators import CombinatorialPromptGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.variation.heads import weigh
from daemon.prompting.variation.search import read_rule
from daemon.prompting.variation.tables import Value, WordTables
from daemon.prompting.variation.variants import Asked, Space
from schema.errors import Refused

TABLES = WordTables(
    {
        "sky": [Value("dawn", 3.0), Value("dusk"), Value("{hazy|clear} noon")],
        "tree": [Value("oak"), Value("elm in [[weather]]"), Value("never", 0.0)],
        "place": [Value("by the __tree__"), Value("on a hill")],
        "pair": [Value("${p=!{x|y}} ${p}-${p}")],
        "dress": [Value("${season:any} coat"), Value("hat")],
        "summer/hat": [Value("straw")],
        "winter/hat": [Value("wool"), Value("fur")],
    }
)
SLOTS = {"weather": ["fog", "rain"], "Hair Color": ["red", "{dark|light} blue", "[[weather]] grey"]}

WORDS = st.sampled_from(["a", "old house,", "(soft:1.2)", "[a|b]", "50%", "$5", "#fff", "<lora:a_b:0.8>", r"\{x\}"])
PLACES = st.sampled_from(
    ["__sky__", "__tree__", "__place__", "__pair__", "[[weather]]", "[[hair-color]]", "${v}", "${w}", "${u:none}",
     "__dress(season={warm|cold})__", "__{summer|winter}/hat__", "__nowhere__", "[[nothing]]", "{2$$__sky__}"]
)  # fmt: skip
MARKS = st.sampled_from(["", "", "", "~", "@", "!"])
HEADS = st.sampled_from(["", "", "", "2$$", "1-2$$ and $$", "0-1$$", "2-$$/$$"])


@st.composite
def choices(draw, inner):
    weight = st.sampled_from(["", "", "2::", "0.5::"])
    options = draw(st.lists(st.tuples(weight, inner), min_size=1, max_size=3))
    return "{" + draw(MARKS) + draw(HEADS) + "|".join(heavy + text for heavy, text in options) + "}"


TEXTS = st.recursive(
    st.one_of(WORDS, PLACES),
    lambda inner: st.one_of(
        choices(inner), st.lists(inner, min_size=1, max_size=3).map(" ".join), inner.map("%{{a ... b$${}}}".format)
    ),
    max_leaves=7,
)
HEADED = st.builds(lambda head, text: head + text, st.sampled_from(["", "${v={1|2}}${w=!{3|4} [[weather]]} "]), TEXTS)


def space(text, negative="", **asked):
    return Space(text, negative, tables=TABLES, slots=SLOTS, where="p.txt:1", asked=Asked(**asked))


def check_counts(text, negative, mode, variants):
    made = space(text, negative, mode=mode, seed=5, salt="p1", variants=variants)
    if made.total > 3000:
        found = list(made.take(100))
        assert len(found) == 100
    else:
        found = list(made.take())
        assert len(found) == made.total
    assert [one.number for one in found] == [*range(1, len(found) + 1)]
    if mode == "all" and not set("~@") & set(text + negative) and "$$" not in text + negative:
        assert len({(one.text, one.negative, one.picks) for one in found}) == len(found)
    assert all(pick.key in made.keys or " > " in pick.key for one in found for pick in one.picks)
    again = space(text, negative, mode=mode, seed=5, salt="p1", variants=variants)
    assert list(again.take(100)) == found[:100] or made.total > 100


@settings(max_examples=70, deadline=None)
@given(HEADED, TEXTS, st.sampled_from(["all", "rotate", "sequential", "random"]), st.sampled_from([None, 3]))
def test_what_is_counted_is_what_is_made(text, negative, mode, variants):
    check_counts(text, negative, mode, variants)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=5000, deadline=None)
@given(HEADED, TEXTS, st.sampled_from(["all", "rotate", "sequential", "random"]), st.sampled_from([None, 3]))
def test_what_is_counted_is_what_is_made_in_very_many_templates(text, negative, mode, variants):
    check_counts(text, negative, mode, variants)


def check_held(text, negative, mode):
    """Whoever likes a variant holds all its places at what they became, and gets it again."""
    liked = next(space(text, negative, mode=mode, seed=9, salt="p", variants=1).take(), None)
    if liked is None:
        return
    locks = {pick.key: pick.value for pick in liked.picks}
    again = space(text, negative, mode=mode, seed=4, salt="p", variants=1, locks=locks)
    (one,) = again.take(1)
    assert (one.text.split(), one.negative.split()) == (liked.text.split(), liked.negative.split())
    assert again.total == 1 or mode == "rotate"


@settings(max_examples=40, deadline=None)
@given(HEADED, TEXTS, st.sampled_from(["all", "rotate", "random"]))
def test_what_is_held_comes_again(text, negative, mode):
    check_held(text, negative, mode)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=4000, deadline=None)
@given(HEADED, TEXTS, st.sampled_from(["all", "rotate", "random"]))
def test_what_is_held_comes_again_in_very_many_templates(text, negative, mode):
    check_held(text, negative, mode)


WORD = st.just("w")


def numbered(text):
    """Every word another one: of two equal options dynamicprompts makes one prompt, here they are two variants."""
    numbers = count(100)
    return re.sub("w", lambda _: f"w{next(numbers)}", text)


SIMPLE = st.recursive(
    WORD,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda some: "{" + "|".join(some) + "}"),
        st.lists(WORD, min_size=2, max_size=3).map(lambda some: "{1-2$$ & $$" + "|".join(some) + "}"),
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
    ),
    max_leaves=8,
).map(numbered)


def unordered(text):
    """Of several options dynamicprompts makes every order; here it is one combination, as they were written."""
    return re.sub(r"w\d+ & w\d+", lambda pair: " & ".join(sorted(pair[0].split(" & "))), text)


@settings(max_examples=30, deadline=None)
@given(SIMPLE)
def test_dynamicprompts_makes_the_same_ones(text):
    weigh("2", ("",), 0)  # puts the parser together, silently
    theirs = CombinatorialPromptGenerator().generate(text, max_prompts=2000)
    ours = [unordered(one.text) for one in space(text).take()] if space(text).total <= 2000 else None
    if ours is not None:
        assert Counter(ours) == Counter({unordered(str(text)): 1 for text in theirs})


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("no place at all", 1),
        ("{a|b}", 2),
        ("{a|a|b}", 2),
        ("{3::|a|b}", 3),
        ("{2$$a|b|c}", 3),
        ("{1-2$$a|b|c}", 6),
        ("{-2$$a|b|c}", 6),
        ("{2-$$a|b|c}", 4),
        ("{0-1$$a|b}", 3),
        ("{5$$a|b}", 1),
        ("{2$$a|{b|c}|d}", 5),
        ("{4$$__sky__ __tree__}", 12),
        ("{2$$__sky__}", 5),
        ("__s*__ {a|b}", 8),
        ("{a|b {x|y|z}}", 4),
        ("{0::a|b|c}", 2),
        ("[[weather]] and [[Weather]]", 2),
        ("{[[weather]]|z} {[[weather]]|y}", 7),
        ("[[hair color]]", 5),
        ("[[hair color]] [[weather]]", 8),
        ("${v={1|2}} ${v} ${v}", 4),
        ("${v=!{1|2}} ${v} ${v}", 2),
        ("__pair__ __pair__", 4),
        ("{~a|b|c} {d|e}", 2),
        ("{@a|b|c} {d|e}", 2),
        (r"\{a|b\} [c|d] (e:1.1)", 1),
    ],
)
def test_counts_by_hand(text, total):
    assert space(text).total == total == len(list(space(text).take()))


def test_a_variable_and_a_slot_are_one_place_in_prompt_and_negative():
    made = [(one.text, one.negative) for one in space("${v=!{1|2}}${v} [[weather]]", "no ${v}, [[WEATHER]]").take()]
    assert made == [("1 fog", "no 1, fog"), ("1 rain", "no 1, rain"), ("2 fog", "no 2, fog"), ("2 rain", "no 2, rain")]


def test_each_use_of_a_lazy_variable_is_a_place_which_the_negative_has_too():
    made = {(one.text, one.negative) for one in space("${v={1|2}}${v} ${v}", "${v}").take()}
    assert made == {("1 1", "1"), ("1 2", "1"), ("2 1", "2"), ("2 2", "2")}


def test_the_last_place_is_the_quickest():
    assert [one.text for one in space("{a|b} [[weather]]").take()] == ["a fog", "a rain", "b fog", "b rain"]


def test_rotate_takes_value_k_of_every_place():
    made = space("{a|b} {x|y|z}", mode="rotate")
    assert made.total == 3 and made.whole == 6
    assert [one.text for one in made.take()] == ["a x", "b y", "a z"]


def test_sequential_gives_the_i_th_prompt_the_i_th_combination():
    made = [next(space("{a|b} {x|y}", mode="sequential", number=number).take()).text for number in range(1, 6)]
    assert made == ["a x", "a y", "b x", "b y", "a x"]


def test_in_random_mode_an_exclamation_mark_means_every_one():
    made = space("{!a|b} {x|y|z}", mode="random", variants=5)
    assert made.total == 10
    assert [one.text[0] for one in made.take()] == ["a", "b"] * 5


def test_cyclical_places_go_round_with_the_variants():
    assert [one.text for one in space("{@a|b} {x|y|z}").take()] == ["a x", "b y", "a z"]


def test_a_rule_of_search_is_one_place_wherever_its_words_stand():
    rule = read_rule("cat => lion | {big|small} tiger", "--search")
    made = Space("cat {cat|dog}", "cat", tables=TABLES, slots={}, search=[rule])
    assert made.total == 6
    assert {(one.text, one.negative) for one in made.take()} == {
        ("lion lion", "lion"), ("lion dog", "lion"),
        ("big tiger big tiger", "big tiger"), ("big tiger dog", "big tiger"),
        ("small tiger small tiger", "small tiger"), ("small tiger dog", "small tiger"),
    }  # fmt: skip


def test_a_space_beyond_any_integer_is_counted_and_sampled():
    made = Space(" ".join(["__n__"] * 20), tables=WordTables({"n": [Value(str(n)) for n in range(100)]}), slots={})
    assert made.total == 100**20
    assert len({one.text for one in made.take(500)}) == 500


def test_a_list_that_was_built_for_one_prompt_means_the_same_in_the_next():
    """Also where modes, weights, locks and slots differ from prompt to prompt."""
    tables = WordTables(
        {
            "a": [Value("{1|2} __b__"), Value("[[s]] x", 2.0)],
            "b": [Value("{~3|4}"), Value("__c__")],
            "c": [Value("5")],
            "d": [Value("6 __a__")],
        }
    )
    asks = [
        Asked(), Asked(mode="random", variants=4), Asked(mode="rotate"), Asked(locks={"__a__ > __b__": "5"}),
        Asked(weights=lambda name, value: 0.0 if value == "5" or "[[" in value else 1.0), Asked(),
    ]  # fmt: skip

    def words(tables, asked, slots):
        return [one.text for one in Space("__a__ {__b__|y} __d__", tables=tables, slots=slots, asked=asked).take()]

    for _ in range(2):
        for asked in asks:
            for slots in ({"s": ["p", "q"]}, {"s": ["r"]}, {}):
                words(tables, asked._replace(locks={}, weights=Asked().weights), slots)
                alone = WordTables({name: tables.values(name) for name in "abcd"})
                if asked.weights("c", "5"):
                    assert words(tables, asked, slots) == words(alone, asked, slots)
                else:
                    with pytest.raises(Refused, match="weight 0"):
                        words(tables, asked, slots)


def test_no_fewer_than_one_variant():
    with pytest.raises(Refused, match="at least 1"):
        space("{a|b}", variants=0)
