"""The words for settings, values and sureness."""

import pytest

from daemon.learning import wording
from schema.insights import Evidence
from schema.plans import Scalar
from schema.records import LOOSE

EVIDENCE = Evidence(
    better_n=24, worse_n=31, same_seed=12, stars=0.61, low=0.2, high=1.0, matters=0.99, ratings=80,
)  # fmt: skip


def test_the_sentence_of_a_claim() -> None:
    assert wording.claimed("p", "steps", (30, 35), (15, 20), True, 0.93, EVIDENCE) == (
        "For this pack, 30 to 35 steps tends to score higher than 15 to 20 "
        "(24 against 31 ratings, 12 on the same seed; about 0.6 stars)"
    )
    assert "30 steps clearly score higher" in wording.claimed("p", "steps", (30,), (15,), True, 0.95, EVIDENCE)
    assert "CFG 5 to 7 clearly scores higher" in wording.claimed("p", "cfg", (5, 7), (9,), True, 0.95, EVIDENCE)
    assert wording.claimed(LOOSE, "steps", (30,), (15,), True, 0.95, EVIDENCE).startswith("For prompts without a pack,")


@pytest.mark.parametrize(
    ("param", "better", "worse", "said", "other"),
    [
        ("cfg", (5, 7.5), (12,), "CFG 5 to 7.5", "12"),
        ("pick:{fog|rain|snow}", ("fog",), ("rain", "snow"), "fog", "rain or snow"),
        ("txt2img.steps", (30,), (20,), "30 steps", "20"),
        ("detail.denoise", (0.3,), (0.1, 0.2), "denoising 0.3 in detail", "0.1 to 0.2"),
        ("sampler", ("ddim", "heun", "lms"), ("euler",), "sampler ddim, heun or lms", "euler"),
        ("hires_on", (True,), (False,), "hires on", "off"),
        ("lora:glow", (0.6,), (None,), "LoRA glow at 0.6", "left out"),
        ("lora:glow", (0,), (0.6, 0.9), "LoRA glow left out", "at 0.6 to 0.9"),
        ("style", (None,), ("ink",), "no style", "ink"),
        ("style", ("ink",), ("",), "style ink", "none"),
        ("pick:weather", ("fog",), ("sun",), "fog for weather", "sun"),
        ("clip_skip", (1,), (2,), "clip skip 1", "2"),
    ],
)
def test_both_sides_of_a_comparison(
    param: str, better: tuple[Scalar, ...], worse: tuple[Scalar, ...], said: str, other: str
) -> None:
    ordered = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in better)
    ordered = ordered and param != "style"
    assert (wording.chosen(param, better, ordered), wording.against(param, worse, ordered)) == (said, other)


def test_nothing_is_quite_certain_and_no_word_is_rounded_up_to() -> None:
    assert [wording.percent(chance) for chance in (1.0, 0.9999, 0.9499, 0.5)] == ["99 %", "99 %", "94 %", "50 %"]
    assert [wording.about(stars) for stars in (0.61, 1.02, 0.01)] == [
        "about 0.6 stars",
        "about 1.0 star",
        "hardly any stars",
    ]


def test_one_later_rating_is_one() -> None:
    text = wording.taken_back("30 is better (3 against 4).", 0.0, 1, 0.5)
    assert (
        text
        == "I told you: “30 is better”. That no longer holds: 1 later rating does not support it (50 % sure by now)."
    )
    assert "what is known today does not support it" in wording.taken_back("x", 0.0, 0, 0.1)
