"""Prompts as WebUI writes them, samplers by WebUI's labels, and the cache that counts: all without torch."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.backends import BackendTrouble
from agent.backends.diffusers.inside.cache import Cache
from agent.backends.diffusers.samplers import recipe, samplers, schedulers
from agent.backends.diffusers.syntax import ENDED, NAMED, parsed


def pieces(prompt: str) -> list[list[tuple[str, float]]]:
    return [[(piece.text, round(piece.weight, 4)) for piece in chunk] for chunk in parsed(prompt).chunks]


@pytest.mark.parametrize(
    ("prompt", "means"),
    [
        ("a boat", [[("a boat", 1.0)]]),
        ("", [[]]),
        ("a (boat)", [[("a ", 1.0), ("boat", 1.1)]]),
        ("a (boat:1.3), sea", [[("a ", 1.0), ("boat", 1.3), (", sea", 1.0)]]),
        ("((boat))", [[("boat", 1.21)]]),
        ("[fog]", [[("fog", 0.9091)]]),
        ("(a [b] c:2)", [[("a ", 2.0), ("b", 1.8182), (" c", 2.0)]]),
        (r"\(boat\) \[x\]", [[("(boat) [x]", 1.0)]]),
        ("(boat", [[("boat", 1.1)]]),
        ("boat)", [[("boat)", 1.0)]]),
        ("ratio 3:4", [[("ratio 3:4", 1.0)]]),
        ("(low:0.0)", [[("low", 0.0)]]),
        ("sea BREAK sky", [[("sea ", 1.0)], [(" sky", 1.0)]]),
        ("BREAKWATER, Bay", [[("BREAKWATER, Bay", 1.0)]]),
        ("(a BREAK b:1.5)", [[("a ", 1.5)], [(" b", 1.5)]]),
    ],
)
def test_weights_and_chunks(prompt, means):
    assert pieces(prompt) == means


def test_loras_are_taken_out_of_the_words():
    found = parsed("a boat <lora:ink:0.7>, sea <lora:sub/soft> <lora:two:0.5:0.9>")
    assert found.text == "a boat , sea"
    assert [tuple(lora) for lora in found.loras] == [("ink", 0.7, 0.7), ("sub/soft", 1.0, 1.0), ("two", 0.5, 0.9)]


@pytest.mark.parametrize(
    ("prompt", "means"),
    [
        ("<embedding:glow> sea", [[("{glow} sea", 1.0)]]),
        ("<embedding:sub/glow.pt:1.2>, sea", [[("{sub/glow.pt}", 1.2), (", sea", 1.0)]]),
        ("(<embedding:glow>:1.2)", [[("{glow}", 1.2)]]),
        ("a (embedding:glow:1.3), embedding:fog.", [[("a ", 1.0), ("{glow}", 1.3), (", {fog}.", 1.0)]]),
        ("<embedding:glow (new)>", [[("{glow (new)}", 1.0)]]),
        ("an embedding: glow", [[("an embedding: glow", 1.0)]]),
    ],
)
def test_embeddings_that_are_named_are_marked(prompt, means):
    assert pieces(prompt) == [
        [(text.replace("{", NAMED).replace("}", ENDED), weight) for text, weight in chunk] for chunk in means
    ]
    assert NAMED not in parsed(prompt).text


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("<embedding:glow:much>", "<embedding:NAME:WEIGHT>"),
        ("a [boat:ship:0.5]", r"\[boat:ship:0.5\]"),
        ("a [(red:1.2) boat:ship:10]", "cannot change the prompt"),
        ("[boat|ship]", "cannot change the prompt"),
        ("<hypernet:old:1>", "no hypernetworks"),
        ("<lora:ink:much>", "<lora:NAME:WEIGHT>"),
    ],
)
def test_what_diffusers_cannot_do_is_refused_and_not_painted_otherwise(prompt, says):
    with pytest.raises(BackendTrouble, match=says) as told:
        parsed(prompt)
    assert told.value.trouble == "bad-request"


@given(st.text(alphabet="ab :.12()[]\\BREAK,", max_size=60))
def test_any_text_is_read_or_refused_and_no_word_is_lost(prompt):
    try:
        found = parsed(prompt)
    except BackendTrouble:
        return
    kept = [letter for letter in "".join(piece.text for chunk in found.chunks for piece in chunk) if letter in "ab,"]
    assert kept == [letter for letter in prompt if letter in "ab,"]


@pytest.mark.parametrize("prompt", ["(a:" + "1" * 9990, "[a:" + "1" * 9990, "[" + ":1" * 4990, "(" * 9990, ": " * 4990])
def test_a_hostile_prompt_is_read_at_once(prompt):
    began = time.perf_counter()
    parsed(prompt)
    assert time.perf_counter() - began < 1.0


# Samplers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampler", "scheduler", "label", "schedule", "name", "options"),
    [
        ("Euler a", None, "Euler a", "Automatic", "EulerAncestralDiscreteScheduler", {}),
        ("k_euler_a", "automatic", "Euler a", "Automatic", "EulerAncestralDiscreteScheduler", {}),
        ("DPM++ 2M", None, "DPM++ 2M", "Karras", "DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
        ("DPM++ 2M Karras", None, "DPM++ 2M", "Karras", "DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
        ("dpmpp_2m", "normal", "DPM++ 2M", "Normal", "DPMSolverMultistepScheduler", {"use_karras_sigmas": False}),
        ("DPM++ 2M SDE", None, "DPM++ 2M SDE", "Exponential", "DPMSolverMultistepScheduler",
         {"algorithm_type": "sde-dpmsolver++", "use_exponential_sigmas": True}),
        ("DDIM", "SGM Uniform", "DDIM", "SGM Uniform", "DDIMScheduler", {"timestep_spacing": "trailing"}),
        ("UniPC", None, "UniPC", "Automatic", "UniPCMultistepScheduler", {"solver_type": "bh1"}),
    ],
)  # fmt: skip
def test_a_label_becomes_a_class_with_its_options(sampler, scheduler, label, schedule, name, options):
    made = recipe(sampler, scheduler)
    assert (made.sampler, made.scheduler, made.name) == (label, schedule, name)
    assert options.items() <= made.options.items()


def test_without_a_wish_the_model_keeps_its_own():
    assert recipe(None, None, "PNDMScheduler") == ("PLMS", "Automatic", "", {})
    assert recipe(None, "Automatic", "EulerDiscreteScheduler").sampler == "Euler"
    assert recipe(None, "Karras", "EulerDiscreteScheduler").options["use_karras_sigmas"] is True


@pytest.mark.parametrize(
    ("sampler", "scheduler", "says"),
    [
        ("Eulr a", None, "no sampler 'Eulr a'; the nearest are Euler a"),
        ("Restart", None, "no sampler 'Restart'"),
        ("Euler", "Karass", "no schedule 'Karass'; the nearest are Karras"),
        ("Euler", "Align Your Steps", "no schedule"),
        ("DDIM", "Karras", "no DDIM on the schedule Karras"),
    ],
)
def test_what_diffusers_has_not_is_refused_with_the_nearest(sampler, scheduler, says):
    with pytest.raises(BackendTrouble, match=says) as told:
        recipe(sampler, scheduler)
    assert told.value.trouble == "bad-request"


def test_whatever_the_card_lists_can_be_asked_for_by_itself():
    for sampler in samplers():
        assert recipe(sampler, None).sampler == sampler
    for scheduler in schedulers():
        assert recipe("Euler", scheduler).scheduler in (scheduler, "Automatic")


# The cache ------------------------------------------------------------------------------------


class Shelf:
    def __init__(self, room: int) -> None:
        self.room = room
        self.given_back = 0
        self.made: list[str] = []
        self.cache: Cache[str] = Cache(lambda: self.room, self._back)

    def _back(self) -> None:
        self.given_back += 1

    def take(self, name: str, size: int) -> str:
        def make() -> str:
            self.made.append(name)
            return name

        return self.cache.take(name, name, size, make, lambda _: size)


def test_the_least_recently_used_goes_first_and_bytes_are_counted():
    shelf = Shelf(100)
    for name in ("a", "b", "a", "c"):
        shelf.take(name, 40)
        shelf.cache.release()
    assert shelf.cache.names() == ("c", "a"), "b was used longest ago"
    assert (shelf.cache.bytes, shelf.cache.evicted, shelf.given_back) == (80, 1, 1)
    shelf.take("b", 40)
    assert shelf.made == ["a", "b", "c", "b"]


def test_what_one_stage_uses_together_is_not_thrown_out_by_itself():
    shelf = Shelf(100)
    shelf.take("painter", 80)
    shelf.take("detector", 40)
    assert shelf.cache.names() == ("detector", "painter")
    shelf.cache.release()
    shelf.take("other", 50)
    assert shelf.cache.names() == ("other", "detector")


def test_room_that_shrinks_is_given_back_at_the_next_use():
    """another program wants the card."""
    shelf = Shelf(100)
    shelf.take("a", 40)
    shelf.take("b", 40)
    shelf.cache.release()
    shelf.room = 50
    shelf.take("b", 40)
    assert shelf.cache.names() == ("b",)


def test_a_making_that_fails_leaves_nothing_behind():
    shelf = Shelf(100)

    def fails() -> str:
        raise OSError("torn")

    with pytest.raises(OSError, match="torn"):
        shelf.cache.take("x", "x", 10, fails, len)
    assert (shelf.cache.names(), shelf.cache.bytes) == ((), 0)
    assert shelf.cache.clear() is None and shelf.given_back == 0
