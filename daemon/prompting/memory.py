"""What a language model is told of a session: who the profile is about, and which prompts came before. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.prompting.profiles import Profile
from daemon.prompting.texts import cleaned
from schema.stages import GeneratePrompt, LlmEnhance

USUAL = 5
"""Earlier prompts that are told where nobody says how many."""

LONGEST = 600
"""Characters of one earlier prompt; small models have small memories."""

MOST = 8000
"""Of all that is told."""


class Earlier(NamedTuple):
    """A prompt of the session, and what a person made of its pictures."""

    prompt: str
    stars: int = 0
    tags: tuple[str, ...] = ()


def how_many(stage: GeneratePrompt | LlmEnhance, profile: Profile | None) -> int:
    """Earlier prompts that it is told of."""
    if stage.memory is not None:
        return stage.memory
    if profile is not None and profile.memory is not None:
        return profile.memory
    goes_on = isinstance(stage, LlmEnhance) and stage.ask != "enhance"
    return USUAL if goes_on or profile is not None else 0


def told(profile: Profile | None, earlier: Sequence[Earlier]) -> str:
    """In words; `earlier` is newest first. Where it grows too long the oldest are left out. Empty: nothing is known."""
    who = _who(profile) if profile is not None else ""
    lines: list[str] = []
    room = MOST - len(who)
    for one in earlier:
        line = _line(one)
        room -= len(line) + 5
        if room < 0:
            break
        lines.append(line)
    if not lines:
        return who
    numbered = "\n".join(f"{number}. {line}" for number, line in enumerate(reversed(lines), 1))
    return "\n".join(filter(None, (who, f"Earlier prompts, the last one newest:\n{numbered}")))


def _who(profile: Profile) -> str:
    said = (
        ("Character", profile.character),
        ("Setting", profile.setting),
        ("Style", profile.style),
        ("Backstory", profile.backstory),
    )
    return "\n".join(f"{what}: {_one_line(text, MOST // 4)}" for what, text in said if text.strip())


def _line(one: Earlier) -> str:
    notes = [f"{one.stars} of 5 stars"] if one.stars else []
    notes += [f"tagged {_one_line(', '.join(one.tags[:8]), LONGEST // 2)}"] if one.tags else []
    told_of = f" ({'; '.join(notes)})" if notes else ""
    return _one_line(one.prompt, LONGEST) + told_of


def _one_line(text: str, most: int) -> str:
    line = " ".join(cleaned(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"
