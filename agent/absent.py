"""A backend that cannot be made here: it says so on the agent's card, and runs nothing."""

from collections.abc import Mapping

from agent.backends import BackendTrouble, Made, Memory, Reporter, Work
from schema.errors import Refused, why
from schema.orders import BackendCard, Gpu

Unmakeable = (BackendTrouble, Refused, ImportError, ValueError, OSError)
"""What making a backend may raise: a library that is not installed, an address that is none, a folder not there."""


FINISHING = ("refine", "post", "resize")
PAINTING = ("txt2img", "img2img", "refiner", "upscale", *FINISHING)
REPAIRING = (*PAINTING, "detail", "face_restore")

USUAL: Mapping[str, tuple[str, ...]] = {
    "sketch": (*REPAIRING, "interrogate"),
    "webui": (*REPAIRING, "interrogate"),
    "comfyui": REPAIRING,
    "diffusers": PAINTING,
    "llm": ("generatePrompt", "llmEnhance"),
    "words": ("selectLoras",),
}
"""What each offers where it can be made: its stages wait for it, and nobody else is thought to be meant."""


def unmakeable(fault: Exception, place: str = "") -> str:
    """The sentence for people. `place` is the address it was given, which is not said where it holds a password."""
    match fault:
        case BackendTrouble(sentence=sentence):
            return sentence
        case Refused():
            return fault.told()
        case ValueError() if place and "@" not in place:
            return f"{place!r} cannot be used: {why(fault)}."
        case _:
            return f"{why(fault)}."


class Absent:
    def __init__(self, kind: str, sentence: str) -> None:
        self.kind = kind
        self._sentence = sentence

    def kinds(self) -> tuple[str, ...]:
        return USUAL.get(self.kind, ())

    def card(self) -> BackendCard:
        return BackendCard(kind=self.kind, kinds=self.kinds(), state="disconnected", trouble=self._sentence)

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def memory(self) -> Memory:
        return Memory()

    def run(self, work: Work, reporter: Reporter) -> Made:
        raise BackendTrouble("backend", self._sentence)

    def free(self) -> None:
        pass

    def close(self) -> None:
        pass
