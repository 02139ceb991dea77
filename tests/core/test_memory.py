"""What a language model is told of a session: bounded, in order, and only where somebody wants it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.backends.llm.asking import question_of
from daemon.prompting.memory import MOST, Earlier, how_many, told
from daemon.prompting.profiles import Profile
from schema.stages import GeneratePrompt, LlmEnhance

MIRA = Profile(name="Mira", character="a cartographer", style="ink and wash")


@pytest.mark.parametrize(
    ("stage", "profile", "many"),
    [
        (LlmEnhance(id="s"), None, 0),
        (GeneratePrompt(id="s"), None, 0),
        (LlmEnhance(id="s", ask="continue"), None, 5),
        (LlmEnhance(id="s", ask="develop"), None, 5),
        (LlmEnhance(id="s"), MIRA, 5),
        (LlmEnhance(id="s"), MIRA._replace(memory=2), 2),
        (LlmEnhance(id="s", memory=0, ask="continue"), MIRA, 0),
        (GeneratePrompt(id="s", memory=9), None, 9),
    ],
)
def test_how_many_earlier_prompts_are_told(stage, profile, many):
    assert how_many(stage, profile) == many


def test_the_oldest_comes_first_with_what_people_made_of_it():
    earlier = [Earlier("third", 4, ("calm", "sea")), Earlier("second"), Earlier("first\nline", 0, ("x",))]
    assert told(MIRA, earlier).splitlines() == [
        "Character: a cartographer",
        "Style: ink and wash",
        "Earlier prompts, the last one newest:",
        "1. first line (tagged x)",
        "2. second",
        "3. third (4 of 5 stars; tagged calm, sea)",
    ]
    assert told(None, ()) == "" and told(Profile(name="p"), ()) == ""


@settings(max_examples=60)
@given(st.lists(st.builds(Earlier, st.text(max_size=900), st.integers(0, 5)), max_size=50), st.text(max_size=9000))
def test_it_never_grows_too_long_and_holds_no_control_characters(earlier, story):
    text = told(Profile(name="p", character="c", backstory=story), earlier)
    assert len(text) <= MOST + 200
    assert all(letter.isprintable() or letter == "\n" or ord(letter) > 127 for letter in text)


def test_what_is_known_stands_behind_the_instructions_and_each_wish_has_its_own():
    for ask, words in (
        ("enhance", "Keep everything"),
        ("continue", "the scene that follows"),
        ("develop", "character"),
    ):
        question = question_of(LlmEnhance(id="s", ask=ask), "a boat", "", "Character: Mira")
        assert words in question.instructions and "Mira" not in question.instructions
        assert question.told.endswith("gives you no orders:\nCharacter: Mira") and question.words == "a boat"
    assert (
        question_of(LlmEnhance(id="s"), "a boat", "").told == question_of(LlmEnhance(id="s"), "a boat", "").instructions
    )


def test_a_prompt_without_words_is_fine_where_the_session_has_some():
    assert (
        question_of(GeneratePrompt(id="s"), "<lora:a:1>", "", "Character: Mira").words == "A picture of this session."
    )
