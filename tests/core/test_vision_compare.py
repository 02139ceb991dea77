"""What a caption says of a prompt: goals that were seen, style, components, and what it must not be blamed for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.looks.compare import Part, Seen, look, place_of, plain_name
from daemon.prompting.looks.goals import goals_of
from daemon.prompting.looks.vocabulary import name_of
from schema.plans import JobSpec, Pick


def job(prompt: str, **more: object) -> JobSpec:
    return JobSpec(name="one", prompt=prompt, **more)  # type: ignore[arg-type]


def compare(spec: JobSpec, caption: str, looker: str = "") -> Seen:
    return look(spec, caption, None, looker)[0]


def parts(spec: JobSpec, caption: str, score: float | None, looker: str = "") -> tuple[Part, ...]:
    return look(spec, caption, score, looker)[1]


@pytest.mark.parametrize(
    ("prompt", "goals"),
    [
        ("a lighthouse above a stormy sea at dusk", ["lighthouse", "stormy sea", "dusk"]),
        ("masterpiece, best quality, 8k, (old harbour:1.3), <lora:soft:0.8>", ["old harbour"]),
        ("red_fox, snow, __left__, {over|open}, [[slot]]", ["red fox", "snow"]),
        ("a bay in the style of a great master, boats by Anna Ancher BREAK gulls", ["bay", "boats", "gulls"]),
        ("((a mill)), [a mill], a mill", ["mill"]),
        (r"a cat \(sitting\), [day:night:0.5]", ["cat sitting", "day"]),
        ("", []),
        ("the, of, and", []),
    ],
)
def test_goals_are_what_can_be_seen(prompt: str, goals: list[str]) -> None:
    assert [goal.text for goal in goals_of(prompt)] == goals


def test_a_goal_weighs_what_its_brackets_say() -> None:
    assert [goal.weight for goal in goals_of("(a mill:1.4), (a bridge:9), a lane")] == [1.4, 2.0, 1.0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gulls", "gull"), ("sunset", "dusk"), ("foggy", "mist"), ("skies", "sky"), ("houses", "cottage"),
        ("children", "kid"), ("painted", "painted"), ("boxes", "box"), ("running", "run"), ("azure", "blue"),
    ],
)  # fmt: skip
def test_words_that_mean_the_same_are_the_same(one: str, other: str) -> None:
    assert name_of(one) == name_of(other)


def test_fulfilment_is_the_share_of_goals_that_the_caption_names() -> None:
    seen = compare(job("a lighthouse, a stormy sea, a red boat"), "a lighthouse and the ocean")
    assert seen.seen == ("lighthouse", "stormy sea")
    assert seen.missed == ("red boat",)
    assert seen.fulfilment == pytest.approx((1.0 + 2 / 3 + 0.0) / 3, abs=1e-3)
    assert compare(job("(a lighthouse:2), a boat"), "a lighthouse").fulfilment == pytest.approx(2 / 3, abs=1e-3)


def test_a_kind_of_thing_is_half_seen_by_its_kind_and_wholly_the_other_way_round() -> None:
    assert compare(job("gulls"), "some birds in the air").fulfilment == 0.5
    assert compare(job("birds"), "two gulls").fulfilment == 1.0


@pytest.mark.parametrize(
    ("caption", "style"),
    [
        ("a watercolor of a bay", 1.0),
        ("a painting of a bay", 0.7),
        ("a photo of a bay", 0.0),
        ("a bay with boats", None),  # it speaks of no style: that says nothing
    ],
)
def test_style_is_judged_only_where_the_caption_speaks_of_one(caption: str, style: float | None) -> None:
    assert compare(job("a bay", style="watercolor"), caption).style == style
    assert compare(job("a bay"), caption).style is None


def test_what_the_negative_prompt_forbids_is_told_when_it_is_there() -> None:
    assert compare(job("a bay", negative="people, blurry"), "a man and people in a bay").unwanted == ("people",)


def test_a_looker_that_can_name_only_colours_is_not_asked_for_lighthouses() -> None:
    caption = "wide picture, dark, mostly blue"
    assert compare(job("a blue lighthouse, gulls"), caption, "colours").fulfilment == 1.0
    assert compare(job("a lighthouse, gulls"), caption, "colours").fulfilment is None
    assert list(parts(job("a lighthouse", picks=(Pick(key="thing", value="lighthouse"),)), caption, None, "colours")) \
        == []  # fmt: skip


def test_every_component_of_a_prompt_is_told_apart() -> None:
    spec = job(
        "a mill at dusk, crows, <lora:Ink:0.6>", negative="rain", style="ink",
        picks=(
            Pick(key="__time__#2", value="dusk"), Pick(key="{crows|gulls}", value="crows"),
            Pick(key="overlay lora", value="Ink:0.6"), Pick(key="weather", value="rain"), Pick(key="empty", value=""),
            Pick(key="(a mill)", value="(a mill:1.15)", source="feedback: missed in pictures of mills"),
        ),
    )  # fmt: skip
    found = {(part.kind, part.name, part.value): part.hit for part in parts(spec, "a mill at sunset", None)}
    assert found == {
        ("wildcard", "time", "dusk"): 1.0,
        ("choice", "{crows|gulls}", "crows"): 0.0,
        ("lora", "Ink", "0.6"): pytest.approx(2 / 3, abs=1e-3),
        ("style", "ink", ""): pytest.approx(2 / 3, abs=1e-3),
    }


def test_a_score_counts_for_all_components_and_only_where_there_is_no_caption() -> None:
    spec = job("a mill at dusk", picks=(Pick(key="__time__", value="dusk"),))
    assert [(part.hit, part.by) for part in parts(spec, "", 0.4)] == [(0.4, "score")]
    assert [(part.hit, part.by) for part in parts(spec, "a mill", 0.4)] == [(0.0, "caption")]
    assert list(parts(spec, "", None)) == []


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("__sky__", ("wildcard", "sky")), ("__Weather/Sky__#3", ("wildcard", "weather/sky")),
        ("__~sky__", ("wildcard", "sky")), ("__sky(time=dusk)__", ("wildcard", "sky")),
        ("__scene__ > __sky__#2", ("wildcard", "sky")), ("{a|__b__} > 2 > weather", ("slot", "weather")),
        ("{a > b|c}", ("choice", "{a > b|c}")), ("weather#2", ("slot", "weather")),
        ("{a|b}#2", ("choice", "{a|b}")), ("{a#1|b}", ("choice", "{a#1|b}")),
        ("overlay grade#2", ("choice", "overlay grade")),
    ],
)  # fmt: skip
def test_a_place_has_one_name_however_it_is_written(key: str, place: tuple[str, str]) -> None:
    assert place_of(key) == place
    assert plain_name("Sky") == plain_name("__sky__")


WORDS = st.text(st.sampled_from("abk ,.()[]{}<>:|_\\#12dusk sea"), max_size=60)


@settings(max_examples=100, deadline=None)
@given(WORDS, WORDS, WORDS, st.none() | st.floats())
def test_whatever_a_model_says_of_whatever_prompt_there_is_an_answer_within_bounds(
    prompt: str, negative: str, caption: str, score: float | None
) -> None:
    spec = job(prompt, negative=negative, style="oil", picks=(Pick(key="__a__", value=prompt),))
    seen = compare(spec, caption)
    for share in (seen.fulfilment, seen.style):
        assert share is None or 0.0 <= share <= 1.0
    assert all(0.0 <= part.hit <= 1.0 for part in parts(spec, caption, score if score == score else None))
