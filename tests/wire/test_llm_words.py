"""A prompt is made of what a language model says around it, and every change is noted."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.backends.llm.words import Cleaned, cleaned, refused

PLAIN = "a castle on a hill, (warm light:1.2), mist, wide view"


def clean(raw: str, **more: object) -> Cleaned:
    return cleaned(raw, **{"max_length": 2000, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        (PLAIN, None),
        (f"  {PLAIN}\n\n", None),
        (f"<think>The user wants\na castle.</think>\n\n{PLAIN}", "thinking removed"),
        (f"The user wants a castle.</think>{PLAIN}", "thinking removed"),
        (f"<THINKING>hm</THINKING> {PLAIN} <think>should I say more", "thinking removed"),
        (f'"{PLAIN}"', "quotation marks removed"),
        (f"“{PLAIN}”", "quotation marks removed"),
        (f"Prompt: {PLAIN}", "lead-in removed"),
        (f"**Prompt:** {PLAIN}", "lead-in removed"),
        (f"**Enhanced Stable Diffusion Prompt**: {PLAIN}", "lead-in removed"),
        (f"Sure! Here is your improved prompt:\n\n{PLAIN}", "lead-in removed"),
        (f"Here's a richer prompt for you:\nPrompt: {PLAIN}", "lead-in removed"),
        (f"Certainly!\n\n{PLAIN}", "lead-in removed"),
        (f'Here is the prompt:\n"{PLAIN}"\n\nLet me know if you want another one!', "remarks after it removed"),
        (f"{PLAIN}\n\nNote: I kept the weights.", "remarks after it removed"),
        (f"{PLAIN}\n---\nThis prompt adds light and mist.", "remarks after it removed"),
        (f"Okay, here you go:\n```text\n{PLAIN}\n```\nHope that helps!", "code block opened"),
        (f"```\n{PLAIN}", "code block opened"),
        (f"# Castle prompt:\n{PLAIN}", "lead-in removed"),
        ("**a castle** on a hill, (warm light:1.2), `mist`, wide view", "markdown removed"),
        ("- a castle on a hill\n- (warm light:1.2),\n- mist\n- wide view", "markdown removed"),
        ("1. a castle on a hill\n2. (warm light:1.2)\n3. mist, wide view", "markdown removed"),
        ("a castle on a hill,\n(warm light:1.2),\n\nmist, wide view", None),
    ],
)  # fmt: skip
def test_the_prompt_is_left_and_the_change_is_noted(raw: str, note: str | None) -> None:
    told = clean(raw)
    assert told.prompt == PLAIN and told.negative is None
    assert (note is None and not told.notes) or note in told.notes


@pytest.mark.parametrize("prompt", [
    "a sign that says \"open\", neon", "'tis the season, snow", "1girl, solo, 3 lanterns",
    "a hand-drawn map: rivers, hills",
    "it's raining_cats, __colour__ umbrella, [[tower]], {a|b}", "masterpiece, best quality, sunrise over 2 hills",
    "okapi in a forest", "hereditary castle, surely", "a note pinned to a door", "promptly written letter",
])  # fmt: skip
def test_what_only_looks_like_decoration_stays(prompt: str) -> None:
    assert clean(prompt) == Cleaned(prompt, None, ())


@pytest.mark.parametrize(
    "raw",
    [
        f"{PLAIN}\n\nNegative prompt: blurry, text",
        f"**Prompt:** {PLAIN}\n**Negative Prompt:** blurry,\ntext\n\nI hope you like it.",
        f"Prompt: {PLAIN}\nNegative: blurry, text",
        f"Negative prompt: blurry, text\n\nPrompt: {PLAIN}",
    ],
)
def test_an_answered_negative_prompt_is_taken(raw: str) -> None:
    told = clean(raw)
    assert told.prompt == PLAIN and told.negative == "blurry, text"
    assert "negative prompt taken from the answer" in told.notes


def test_what_is_too_long_is_cut_where_a_thought_ends() -> None:
    told = clean(PLAIN, max_length=45)
    assert told.prompt == "a castle on a hill, (warm light:1.2), mist" and told.notes == ("cut from 53 characters",)
    assert clean("word " * 40, max_length=33).prompt == "word word word word word word"
    assert clean("w" * 100, max_length=20).prompt == "w" * 20


def test_half_a_word_at_the_token_limit_is_left_out() -> None:
    assert clean("a castle on a hill, warm lig", cut_short=True).prompt == "a castle on a hill"


def test_nothing_is_made_of_nothing() -> None:
    for raw in ("", " \n ", "<think>only thoughts", "<think>a</think>", '""', "```\n```"):
        assert clean(raw, tags=("<lora:x:1>",)).prompt == ""


def test_tags_are_put_back_once_and_invented_ones_left_out() -> None:
    told = clean("a castle <lora:b:0.5>, fog <LORA:a:1>", tags=("<lora:b:0.5>",))
    assert told.prompt == "a castle, fog <lora:b:0.5>" and any("<LORA:a:1>" in note for note in told.notes)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I’m sorry.", True),
        ("Sorry, I cannot do this.", True),
        ("**I cannot** write this.", True),
        ("As an AI language model, I", True),
        ("<think>fine</think>\nI am unable to", True),
        ("a sorry sight, ruins", False),
        ("I, Robot poster, chrome", False),
        ("an icy canyon", False),
    ],
)
def test_a_refusal_is_known_by_how_it_begins(raw: str, expected: bool) -> None:
    assert refused(raw) is expected


@given(st.text(st.sampled_from("ab ,.:*_#`\"'“”<>()/-1\n\t\x00\u202e") | st.characters(), max_size=300), st.booleans())
def test_anything_at_all_becomes_one_short_line(raw: str, cut_short: bool) -> None:
    told = cleaned(raw, max_length=60, cut_short=cut_short, tags=("<lora:x:1>",))
    assert len(told.prompt) <= 60 + len(" <lora:x:1>") and told.prompt.isprintable()
    assert "\n" not in (told.negative or "")


HOSTILE = ("<think>", "```", "**", "a ", "\n", "\n \n", "a\n\n", "---\n", "Prompt:", "sure ", "- a\n", "negative ",
           "Negative:\n", "word-word ", "<think>a</think>", "<lora:a:1>", "here ", "* ", '"', "a\n---\n")  # fmt: skip


@pytest.mark.parametrize("raw", HOSTILE)
def test_hostile_answers_are_read_in_no_time(raw: str) -> None:
    began = time.process_time()
    clean(raw * (200_000 // len(raw))), refused(raw * 9_000)
    assert time.process_time() - began < 1.0
