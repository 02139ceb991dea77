"""How a plan leans to what pictures have told: factors of wildcards' weights, and goals that are said louder."""

import re
from collections.abc import Mapping

from daemon.prompting.looks.compare import SAID_LOUDER, plain_name
from schema.feedback import Feedback
from schema.plans import Pick

_SHUT = re.compile(r"<[^<>]*>|\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|__[^\s,]+?__")
"""What is left alone: tags, what has a weight already, what nothing was put in the place of."""


class Lean:
    """Switched off it changes nothing."""

    def __init__(self, feedback: Feedback = Feedback()) -> None:  # noqa: B008 - immutable
        self._wildcards = feedback.wildcards if feedback.on else {}
        self._packs = feedback.packs if feedback.on else {}

    def weight(self, wildcard: str, value: str) -> float:
        """`variation.variants.Asked.weights`: the factor of a value's weight."""
        return self._of(wildcard).get(value.strip(), 1.0)

    def louder(self, pack: str | None, prompt: str) -> tuple[str, tuple[Pick, ...]]:
        """The prompt with the goals that the pack's pictures missed, `(stormy sea:1.15)`; and which those are."""
        picks: list[Pick] = []
        for goal, weight in sorted(self._packs.get(pack or "", {}).items(), key=lambda each: -len(each[0])):
            prompt, found = _emphasised(prompt, goal, weight)
            if found:
                source = f"{SAID_LOUDER}: missed in pictures of {pack}"
                picks.append(Pick(key=f"({goal})", value=found, source=source))
        return prompt, tuple(picks)

    def _of(self, wildcard: str) -> Mapping[str, float]:
        return self._wildcards.get(plain_name(wildcard), {}) if self._wildcards else {}


def _emphasised(prompt: str, goal: str, weight: float) -> tuple[str, str]:
    """With its first mention in brackets, and what was put there; empty: it is not mentioned, or weighed already."""
    words = r"[\s_]+".join(map(re.escape, goal.split()))
    wanted = re.compile(rf"(?<![\w-]){words}(?![\w-])", re.IGNORECASE)
    shut = [found.span() for found in _SHUT.finditer(prompt)]
    for found in wanted.finditer(prompt):
        start, end = found.span()
        if not any(begin < end and start < stop for begin, stop in shut):
            said = f"({found.group()}:{weight:g})"
            return f"{prompt[:start]}{said}{prompt[end:]}", said
    return prompt, ""
