"""What is read as a place to vary and what is left alone; faults with file, line, column and remedy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.packs import read_pack
from daemon.prompting.variation.naming import Lines
from daemon.prompting.variation.search import read_rule
from daemon.prompting.variation.tables import Value, WordTables
from daemon.prompting.variation.variants import Asked, Space
from schema.errors import Refused

TABLES = WordTables({"sky": [Value("dawn"), Value("dusk")], "art/oil": [Value("oil")], "art/ink": [Value("ink")]})


def made(text, negative="", where="p.txt:7", **words):
    tables = WordTables({name: [Value(one) for one in values] for name, values in words.items()}) if words else TABLES
    return Space(text, negative, tables=tables, slots={"weather": ["fog", "rain"]}, where=where)


def texts(text, **words):
    return [one.text for one in made(text, **words).take()]


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        "(word:1.2), [less], ((more))", "[cat|dog] [from:to:0.5] [::3]", "<lora:a_b:0.8> <lora:my_b:1:2>",
        "<embedding:x>, (<embedding:y>:0.8)", "cost $5, 50% off, 100%", "#fff on #0a0b0c", "a_b_c", "a__b", "__ x __",
        "____", "___", "http://example.org/a", "AND BREAK and \\(escaped\\)", r"\[[weather]]", "{} { }",
        "1girl # tag", "", "  spaced  ", "a | b", "$", "%", "x$$y", "c'est l’été, 雪景色, naïve ☕",
    ],
)  # fmt: skip
def test_what_other_programs_write_stays_as_it_is(text):
    (one,) = made(text, text).take()
    assert (one.text, one.negative, one.picks) == (text, text, ())
    assert made(text).total == 1 and made(text).warnings == ()


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("(a:1.2) {x} [b|c]", "(a:1.2) x [b|c]"),
        ("<lora:{soft}_v2:{0.8}> $5 50% #fff", "<lora:soft_v2:0.8> $5 50% #fff"),
        (r"\(old\) {x} \{y\}", r"\(old\) x {y}"),
        (r"\{a|b\} \\{x}", r"{a|b} \\x"),
        (r"{a\|{}b\}} \# \__sky__", "a|{}b} # __sky__"),
        (r"\__sky__ a\_b", r"__sky__ a\_b"),
        (r"{a\{b} ${y=!\}}${y}", "a{b }"),
        ("{[a|b]}", "[a|b]"),
        ("{\n  red  # warm\n}", "red"),
        ("{x} # the rest is a remark", "x"),
        ("# a remark\n{x}", "x"),
        ("{x} /* here */ y", "x  y"),
        ("{x} http://e.org y", "x http://e.org y"),
        ("{very |} old", "very  old"),
        ("%{a ... b$$c}", "a c b"),
        ("%{a … b$${c}}", "a c b"),
        ("%{a b$$c}", "a bc"),
        ("${x=red}${x} ${x}", "red red"),
        ("${x=red}${x?=blue}", ""),
        ("${x?=blue}${x} ${y:z}", "blue z"),
        ("{1$$ and $$x}", "x"),
        ("__sky(when=now)__", "dawn"),
        ("__art\\ink__", "ink"),
        ("__ART/Oil__", "oil"),
        ("__oil__", "oil"),
        ("pre__sky__post", "predawnpost"),
    ],
)
def test_the_first_variant(text, becomes):
    assert next(made(text).take()).text == becomes


def test_globs_take_from_every_list_they_name():
    assert texts("__art/*__") == ["ink", "oil"] == texts("__a*/**__") == texts("__art/[io]*__")


def test_options_with_separators_marks_and_ranges():
    assert texts("{2$$ und $$a|b|c}") == ["a und b", "a und c", "b und c"]
    assert texts("{2$$|$$a|b}") == ["a|b"]
    assert texts("{2$$$$a|b}") == ["ab"]
    assert texts("{2$$ · $$a|b}") == ["a · b"]
    assert texts("{!0-1$$a|b}") == ["", "a", "b"]
    assert texts("{2$${a|b}|c}") == ["a, c", "b, c"]


def test_parameters_are_seen_in_the_values():
    found = texts("__wear(season={warm|cold}, n=1)__", wear=["${season} coat ${n}", "hat ${m:2}"])
    assert found == ["warm coat 1", "cold coat 1", "hat 2"]


def test_names_can_vary():
    words = {"s/hat": ["straw"], "w/hat": ["wool", "fur"]}
    assert texts("__{s|w}/hat__", **words) == ["straw", "wool", "fur"]
    assert texts("${x=w}__${x}/hat__", **words) == ["wool", "fur"]


@pytest.mark.parametrize(
    ("text", "where", "word"),
    [
        ("a {red|blue", "p.txt:7:3", "not closed"),
        ("a\nb {red|{blue}", "p.txt:8:3", "not closed"),
        ("a {red}} b", "p.txt:7:8", "closes nothing"),
        ("} {a|b}", "p.txt:7:1", "closes nothing"),
        ("{x} ${a", "p.txt:7:5", "not closed"),
        ("{x} ${1a}", "p.txt:7:5", "variable"),
        ("{a|${x=b}}", "p.txt:7:4", "outside of braces"),
        ("%{a b}", "p.txt:7:1", r"\$\$"),
        ("{two$$a|b}", "p.txt:7:1", r"two\$\$"),
        ("{$$a|b}", "p.txt:7:1", "number of options"),
        ("{1.5$$a|b}", "p.txt:7:1", "number of options"),
        ("x {-1.5::a|b}", "p.txt:7:3", "below 0"),
        ("{0::a|0::b}", "p.txt:7:1", "weight 0"),
        ("__sky(x)__", "p.txt:7:7", "name=value"),
        ("${x=!__${x}__}${x}", "p.txt:7:8", "back to itself"),
        ("{" * 21 + "}" * 21, "p.txt:7:21", "deep"),
    ],
)
def test_broken_grammar_names_the_place(text, where, word):
    with pytest.raises(Refused, match=word) as fault:
        made(text)
    assert fault.value.where == where and fault.value.remedy
    with pytest.raises(Refused) as fault:
        made("fine", text)
    assert fault.value.where == where


def test_a_fault_in_a_value_names_the_value():
    tables = WordTables({"sky": [Value("fine"), Value("not {fine", 1.0, "wildcard sky.txt:12")]})
    with pytest.raises(Refused) as fault:
        Space("__sky__", tables=tables, slots={}, where="p.txt:7")
    assert fault.value.where == "sky.txt:12:5"


def test_what_there_is_not_stays_with_a_warning_that_names_what_was_meant():
    one = made("__skky__ [[wether]] ${nope} {a|b}")
    assert [each.text for each in one.take()] == [f"__skky__ [[wether]] ${{nope}} {end}" for end in "ab"]
    assert [warning.partition(": ")[0] for warning in one.warnings] == ["p.txt:7:1", "p.txt:7:10", "p.txt:7:21"]
    assert "'sky'" in one.warnings[0] and "'weather'" in one.warnings[1]


def test_cycles_name_their_way():
    tables = WordTables(
        {
            "a": [Value("x __b__", 1.0, "wildcard a.txt:3")],
            "b": [Value("y"), Value("__A__", 1.0, "wildcard b.txt:2")],
            "c": [Value("__a__", 0.0), Value("z")],
        }
    )
    with pytest.raises(Refused, match=r"a\.txt:3 -> b\.txt:2 -> a\.txt:3"):
        Space("{1|__a__}", tables=tables, slots={})
    assert Space("__c__", tables=tables, slots={}).total == 1
    with pytest.raises(Refused, match="back to itself"):
        Space("[[a]]", tables=tables, slots={"a": ["[[b]]", "x"], "b": ["[[a]]", "y"]}, where="p.txt:1")


def test_values_that_grow_beyond_measure_are_refused_at_once():
    bomb = WordTables(
        {f"b{n}": [Value(f"__b{n + 1}__ __b{n + 1}__"), Value("x")] for n in range(19)} | {"b19": [Value("y")]}
    )
    with pytest.raises(Refused, match="characters long"):
        Space("__b0__", tables=bomb, slots={})
    deep = WordTables({f"d{n}": [Value(f"__d{n + 1}__")] for n in range(40)} | {"d40": [Value("y")]})
    with pytest.raises(Refused, match="in one another"):
        Space("__d0__", tables=deep, slots={})
    with pytest.raises(Refused, match="in one another"):
        Space("__d39__ __d30__ __d20__ __d10__ __d0__", tables=deep, slots={})
    assert Space("__d21__", tables=deep, slots={}).total == 1
    twice = {f"t{n}": [Value(f"__t{n + 1}(x=1)__"), Value(f"__t{n + 1}(x=2)__")] for n in range(19)} | {
        "t19": [Value("y")]
    }
    with pytest.raises(Refused, match="in one another"):
        Space("__t0__", tables=WordTables(twice), slots={})
    with pytest.raises(Refused, match="too many slots"):
        Space(
            "".join(f"{{[[{n}]]|x}}" for n in range(30)), tables=TABLES, slots={str(n): ["a", "b"] for n in range(30)}
        )
    with pytest.raises(Refused, match="at once"):
        Space("{1-$$" + "|".join(map(str, range(300))) + "}", tables=TABLES, slots={})


@pytest.mark.parametrize(
    "text",
    ["{a|b}" * 4000, "__a" * 6000, "__a(" * 5000, "[" * 20000, "{a|" * 19 + "b" * 9000 + "}" * 19, "# " * 9000 + "{a}",
     "/*" * 9000 + "{a}",
     "{" + "|" * 19000 + "}", "{" + "1::|" * 4900 + "}", "[[" * 9000, "${x=" + "y" * 9000 + "}${x}"],
)  # fmt: skip
def test_long_texts_are_read_at_once(text):
    assert made(text).total >= 1


SIGNS = st.text(alphabet="{}[]|$%_~@!#:=?()\\ab12. ,\n", max_size=40)


@settings(max_examples=100, deadline=None)
@given(SIGNS, SIGNS)
def test_any_text_is_read_or_refused(text, negative):
    check_any(text, negative)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=20_000, deadline=None)
@given(SIGNS, SIGNS)
def test_very_many_texts_are_read_or_refused(text, negative):
    check_any(text, negative)


def check_any(text, negative):
    tables = WordTables({"a": [Value("one"), Value("__b__ [[a]]")], "b": [Value("{2$$x|y}"), Value("${a=!{1|2}}${a}")]})
    for mode in ("all", "rotate", "random"):
        asked = Asked(mode=mode, seed=1, salt="s")
        try:
            space = Space(text, negative, tables=tables, slots={"a": ["s", "t"]}, where="p:1", asked=asked)
        except Refused as fault:
            assert fault.where.startswith(("p:", "a ", "b ", "p"))
            return
        assert len(list(space.take(40))) == min(space.total, 40)
        if mode == "all":
            assert "".join(text[one.start : one.end] for one in space.segments if not one.negative) == text
            assert "".join(negative[one.start : one.end] for one in space.segments if one.negative) == negative


def test_rules_of_search():
    assert read_rule("fog =>  mist | 2::haze |", "--search").replacements == (
        Value("mist", 1.0, "--search"), Value("haze", 2.0, "--search"), Value("", 1.0, "--search"),
    )  # fmt: skip
    assert [one.text for one in read_rule("a => {b|c} | [d|e]", "x").replacements] == ["{b|c}", "[d|e]"]
    for text in ("no arrow", "=> b", "a" * 201 + " => b"):
        with pytest.raises(Refused) as fault:
            read_rule(text, "--search")
        assert fault.value.where == "--search"


def test_segments_tell_an_editor_what_stands_where():
    found = made("a {red|blue}\n__sky__ [[Weather]]", "no [[weather]]").segments
    told = [(one.line, one.column, one.kind, one.key, one.size, one.values, one.negative) for one in found]
    assert told == [
        (1, 1, "words", "", "1", (), False),
        (1, 3, "choice", "{red|blue}", "2", ("red", "blue"), False),
        (1, 13, "words", "", "1", (), False),
        (2, 1, "wildcard", "__sky__", "2", ("dawn", "dusk"), False),
        (2, 8, "words", "", "1", (), False),
        (2, 9, "slot", "Weather", "2", ("fog", "rain"), False),
        (1, 1, "words", "", "1", (), True),
        (1, 4, "slot", "Weather", "2", ("fog", "rain"), True),
    ]
    held = Space("{~a|b} __sky__", tables=TABLES, slots={}, asked=Asked(mode="random", locks={"sky": "dusk"})).segments
    assert [(one.key, one.size, one.locked) for one in held if one.key] == [
        ("{~a|b}", "2", None),
        ("__sky__", "2", "dusk"),
    ]


def test_a_fault_in_a_pack_of_text_names_the_line_it_stands_in():
    """Lines are joined to one prompt; what is told is where the fault stands in the file."""
    pack = read_pack("p.txt", "# first\nmasterpiece\n  an old house\n\tin {red|blue light\nneg: blurry\nneg:  a {bad\n")
    (prompt,) = pack.prompts
    where = pack.where(prompt)
    with pytest.raises(Refused) as fault:
        Space(prompt.text, "", tables=TABLES, slots={}, where=Lines.of(where, prompt.lines))
    assert fault.value.where == "p.txt:4:5"
    with pytest.raises(Refused) as fault:
        negative = Lines.of(where, prompt.negative_lines)
        Space("{x}", prompt.negative, tables=TABLES, slots={}, where=where, negative_where=negative)
    assert fault.value.where == "p.txt:6:9"
    (prompt,) = read_pack("p.tsv", "fine {a|b}\t not {fine\n").prompts
    with pytest.raises(Refused) as fault:
        Space(
            "",
            prompt.negative,
            tables=TABLES,
            slots={},
            where="p.tsv:1",
            negative_where=Lines.of("p.tsv:1", prompt.negative_lines),
        )
    assert fault.value.where == "p.tsv:1:17"


def test_a_name_that_another_place_decides_is_told_to_be_drawn():
    one = made("${x=!{s|w}}${x} __${x}/hat__", **{"s/hat": ["straw"], "w/hat": ["wool", "fur"]})
    assert one.total == 2 and "so its value is drawn" in one.warnings[0]
    assert {each.text.split()[0]: each.text.split()[1] in ("straw", "wool", "fur") for each in one.take()} == {
        "s": True,
        "w": True,
    }


def test_a_remark_at_the_end_of_joined_lines_is_told():
    assert made("{a|b} # note, more words").warnings == (
        "p.txt:7:7: '# note, more words' is a remark and left out; \\# is the sign itself.",
    )
    assert made("{a|b} # note\nmore words").warnings == ()


def test_slots_may_bring_weights_and_sources():
    slots = {"weather": [Value("fog", 3.0, "matrix"), Value("never", 0.0), Value("sun", 1.0, "pack.json")]}
    made = Space("[[weather]]", tables=TABLES, slots=slots)
    assert [(one.text, one.picks[0].source) for one in made.take()] == [("fog", "matrix"), ("sun", "pack.json")]
