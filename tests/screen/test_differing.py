"""What two pictures differ in: words by their phrases, settings by their values, and nothing that is alike."""

import msgspec
from screen_things import make_image, make_row, record_of

from tui.widgets.differing import apart, differences, lines
from tui.widgets.ink import measure


def pair():
    record = record_of(make_row(20))
    stages = (msgspec.structs.replace(record.stages[0], effective={"steps": 20, "cfg": 5.5}), *record.stages[1:])
    spec = msgspec.structs.replace(record.spec, prompt="a knight, in rain, at dusk", seed=7)
    other = msgspec.structs.replace(record, spec=spec, stages=stages)
    return (make_image(20), record), (msgspec.structs.replace(make_image(20), seed=7, stars=4), other)


def test_only_what_differs_is_told_words_first():
    (left, its), (right, others) = pair()
    differ, alike = differences(left, its, right, others)
    told = {one.name: (one.left, one.right) for one in differ}
    assert next(iter(told)) == "prompt"
    assert told["seed"] == ("88020", "7")
    assert told["txt2img.steps"] == ("30", "20")
    assert told["txt2img.cfg"] == ("6", "5.5")
    assert "model" not in told and "upscale.width" not in told
    assert alike > 5


def test_of_words_the_phrases_are_told_that_only_one_has():
    assert apart("a fox, in snow, (rim light:1.2)", "a fox, in rain") == ("in snow, (rim light:1.2)", "in rain")
    assert apart("a, b", "b, a") == ("a, b", "b, a")


def test_two_of_a_kind_are_said_to_be_alike():
    (left, its), _ = pair()
    differ, alike = differences(left, its, left, its)
    assert differ == []
    assert "made alike" in text(lines(differ, alike, 80))


def test_a_prompt_of_ten_thousand_letters_takes_three_lines():
    (left, its), (right, others) = pair()
    long = msgspec.structs.replace(others, spec=msgspec.structs.replace(others.spec, prompt="knight " * 1500))
    shown = lines(differences(left, its, right, long)[0], 0, 78)
    assert all(measure(line) <= 78 for line in shown)
    assert sum(line[0].text.startswith(" prompt") for line in shown) == 1 and "knight" in text(shown[:3])


def text(shown):
    return "\n".join("".join(piece.text for piece in line) for line in shown)
