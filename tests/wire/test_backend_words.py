"""LoRAs chosen for a prompt: by trigger words, tags and names, weighed by what people think of them; and why."""

import random

import msgspec
import pytest

from agent.backends import Work
from agent.backends.words import Words, told
from agent.backends.words.matching import chosen, words_of
from agent.backends.words.phrasing import with_loras
from schema.ids import JobId, StageId, Token
from schema.models import Candidate
from schema.orders import Order
from schema.stages import SelectLoras

INK = Candidate(name="ink_line", tags=("ink", "line art"), triggers=("inkstroke",), weight=0.7)
SEA = Candidate(name="SeaHaze_v2", tags=("sea", "haze", "watercolor"), stars=4, rating=4.2, uses=12)
KNIGHT = Candidate(name="iron/knights", tags=("armour", "medieval"))
ALL = (INK, SEA, KNIGHT)


class Listener:
    previews = False

    def step(self, step: int, steps: int, doing: str) -> None: ...
    def preview(self, jpeg: bytes) -> None: ...
    def rest(self, seconds: float) -> None: ...
    def cancelled(self) -> bool:
        return False


def ran(prompt: str, *candidates: Candidate, negative: str = "", **fields: object) -> dict[str, object]:
    config = SelectLoras.model_validate({"id": "s", **fields})
    order = Order(
        job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"), prompt=prompt,
        negative=negative, candidates=candidates or ALL,
    )  # fmt: skip
    return dict(Words().run(Work(order, config), Listener()).reported)


def names(prompt: str, *candidates: Candidate, negative: str = "", **fields: object) -> list[str]:
    config = SelectLoras.model_validate({"id": "s", **fields})
    return [one.name for one in chosen(config, prompt, negative, candidates or ALL).taken]


def test_it_adds_what_fits_and_says_why() -> None:
    said = ran("a boat on a hazy sea, watercolors", INK, SEA, KNIGHT)
    assert said["prompt"] == "a boat on a hazy sea, watercolors <lora:SeaHaze_v2:1>"
    assert said["loras"] == "SeaHaze_v2:1" and said["candidates"] == 3
    assert str(said["why"]).startswith(
        "SeaHaze_v2 1: tag sea, watercolor; name sea; 4 stars; its pictures 4.2; used 12"
    )


def test_its_trigger_word_comes_along_once() -> None:
    assert ran("line art of a fox", INK)["prompt"] == "line art of a fox, inkstroke <lora:ink_line:0.7>"
    assert ran("line art of a fox, inkstroke", INK)["prompt"] == "line art of a fox, inkstroke <lora:ink_line:0.7>"
    assert ran("line art of a fox", INK, triggers=False)["prompt"] == "line art of a fox <lora:ink_line:0.7>"


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("nothing of the kind", []),
        ("", []),
        ("inkstroke portrait", ["ink_line"]),
        ("(watercolor:1.3) of the [sea]", ["SeaHaze_v2"]),
        ("armours of a medieval fair", ["iron/knights"]),
        ("two knights", ["iron/knights"]),
        ("sea of ink and armour", ["SeaHaze_v2", "ink_line"]),
        ("<lora:seahaze_V2:0.4> a sea", []),
        ("seagulls inkling", []),
    ],
)
def test_which_are_taken(prompt: str, found: list[str]) -> None:
    assert names(prompt) == found


def test_the_fields_of_the_stage_limit_the_choice() -> None:
    prompt = "ink sea armour watercolor"
    assert names(prompt, most=3) == ["SeaHaze_v2", "ink_line", "iron/knights"]
    assert names(prompt, most=0) == []
    assert names(prompt, tags=["ARMOUR"]) == ["iron/knights"]
    assert names(prompt, without=["sea"]) == ["ink_line", "iron/knights"]
    assert names(prompt, only=["ink_line.safetensors"]) == ["ink_line"]
    assert names(prompt, never=["seahaze_v2"]) == ["ink_line", "iron/knights"]
    assert names(prompt, stars=4) == ["SeaHaze_v2"]
    assert names(prompt, least=0.99) == []


def test_what_the_negative_prompt_speaks_of_is_not_added() -> None:
    assert names("sea", negative="watercolor, fog") == []


def test_ratings_decide_between_those_that_fit_alike_and_make_nothing_fit() -> None:
    good = Candidate(name="good", tags=("rain",), stars=5, rating=4.8, uses=50, favourite=True)
    bad = Candidate(name="bad", tags=("rain",), stars=1, rating=1.2, uses=3)
    assert names("rain", bad, good, most=1) == ["good"]
    assert names("snow", good) == []


def test_together_they_are_no_stronger_than_the_stage_allows() -> None:
    said = ran("sea and ink and armour", most=3, weight=1.0, strongest=1.5)
    assert said["loras"] == "SeaHaze_v2:0.5, ink_line:0.5, iron/knights:0.5"


def test_hostile_names_and_triggers_get_into_no_prompt() -> None:
    evil = [
        Candidate(name="a:9><lora:b", tags=("sea",)),
        Candidate(name="long", tags=("sea",), triggers=("x" * 5000,)),
        Candidate(name="loop", tags=("sea",), triggers=("<lora:other:2>", "{a|b}")),
        Candidate(name="many", tags=tuple(f"sea {n}" for n in range(5000))),
    ]
    said = ran("the sea", *evil, most=10)
    assert "a:9" not in str(said["prompt"]) and "xxx" not in str(said["prompt"]) and "other" not in str(said["prompt"])
    assert said["prompt"] == "the sea <lora:long:0.8> <lora:loop:0.8>"


def test_the_same_candidates_in_any_order_make_the_same_choice() -> None:
    dice = random.Random(4)
    vocabulary = ["sea", "ink", "rain", "oil painting", "night city", "fox"]
    pool = [
        Candidate(name=f"l{n}", tags=tuple(dice.sample(vocabulary, 2)), stars=dice.randrange(6), uses=dice.randrange(9))
        for n in range(40)
    ]
    wanted = names("a fox at sea, night city, oil painting", *pool, most=5)
    for _ in range(20):
        dice.shuffle(pool)
        assert names("a fox at sea, night city, oil painting", *pool, most=5) == wanted
    assert len(wanted) == 5


def test_words_are_what_people_say() -> None:
    assert words_of("SeaHaze_v2, skies & Glasses!") == ["sea", "haze", "v", "2", "sky", "glasse"]
    assert with_loras("a,", (), triggers=True) == ("a", ())
    assert told(chosen(SelectLoras(id="s"), "a", "", ())) == "there is no LoRA to choose from"


def test_it_needs_nothing_and_holds_nothing() -> None:
    backend = Words()
    assert backend.gpus() == () and backend.memory().resident == ()
    backend.free()
    backend.close()
