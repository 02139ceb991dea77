"""What a prompt's signs do, in colour and in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.promptlexer import lex


def seen(text: str) -> list[tuple[str, str]]:
    return [(mark.kind, text[mark.start : mark.end]) for mark in lex(text).marks]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("calm sea, dawn", []),
        ("a (red) boat", [("heavier", "(red)")]),
        ("(rim light:1.2)", [("heavier", "(rim light:1.2)"), ("number", "1.2")]),
        ("(rim light : .8 )", [("lighter", "(rim light : .8 )"), ("number", ".8")]),
        ("a [pale] sky", [("lighter", "[pale]")]),
        ("((big) boat:1.3)", [("heavier", "((big) boat:1.3)"), ("heavier", "(big)"), ("number", "1.3")]),
        ("[dawn:dusk:0.4] sky", [("schedule", "[dawn:dusk:0.4]"), ("number", "0.4")]),
        ("[cat|dog] asleep", [("schedule", "[cat|dog]")]),
        ("{cat|dog} in [[weather]]", []),
        (r"harbour \(old\)", []),
        ("<lora:paper_boats:0.8>, oil", [("network", "<lora:paper_boats:0.8>")]),
        ("sea BREAK sky AND clouds, ANDROMEDA", [("keyword", "BREAK"), ("keyword", "AND")]),
        ("# (a remark\nsea (calm)", [("heavier", "(calm)"), ("comment", "# (a remark")]),
        ("(two\nlines:1.1)", [("heavier", "(two\nlines:1.1)"), ("number", "1.1")]),
        ("(größer:1.5) é", [("heavier", "(größer:1.5)"), ("number", "1.5")]),
    ],
)
def test_signs_are_told_where_they_stand(text, marks):
    assert seen(text) == marks and not lex(text).faults


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sea,\n(rim light:1.2, dawn", "line 2: ‘(rim light:1.2, dawn’ is not closed: put ), or write \\("),
        ("sea [pale", "line 1: ‘[pale’ is not closed: put ], or write \\["),
        ("sea, dawn)", "line 1: ) closes nothing: take it out, or write \\)"),
        ("(sea]", "line 1: ‘(sea]’ is not closed: put ), or write \\("),
        ("<lora:boats:0.8, oil\ndawn", "line 1: ‘<lora:boats:0.8, oil’ is not closed: put > where it ends"),
    ],
)
def test_what_is_never_closed_is_told_with_its_line(text, told):
    assert told in lex(text).told(text)
    assert "fault" in [mark.kind for mark in lex(text).marks]


@given(st.text(st.sampled_from("()[]|\\<>:lora#AND 12.é\n"), max_size=60))
def test_any_text_is_lexed_within_its_bounds(text):
    found = lex(text)
    assert all(0 <= mark.start < mark.end <= len(text) for mark in found.marks)
    assert len(found.told(text)) == len(found.faults)
