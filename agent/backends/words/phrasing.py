"""A prompt with LoRAs and their trigger words put behind it. Pure."""

from collections.abc import Sequence

from agent.backends.words.matching import Rated, Spoken

LONGEST = 200
"""Characters of a trigger word: some files name a whole prompt as theirs, which would drown the person's own."""


def with_loras(prompt: str, taken: Sequence[Rated], *, triggers: bool) -> tuple[str, tuple[str, ...]]:
    """The prompt, and the trigger words that were added: the first of each LoRA that has none of its in the prompt."""
    spoken, added = Spoken(prompt), list[str]()
    for one in taken:
        calls = [words for trigger in one.triggers if (words := " ".join(trigger.split()).strip(" ,"))]
        if triggers and calls and not any(spoken.of(call) == 1.0 or call in prompt for call in calls):
            added += [call for call in calls[:1] if len(call) <= LONGEST and not set(call) & set("<>{}|$")]
    added = list(dict.fromkeys(added))
    text = ", ".join(filter(None, (prompt.strip().rstrip(","), *added)))
    return " ".join(filter(None, (text, *(f"<lora:{one.name}:{one.weight:g}>" for one in taken)))), tuple(added)
