"""A backend that cannot be made here: it says so on the agent's card, and runs nothing."""

from agent.backends import BackendTrouble, Made, Memory, Reporter, Work
from schema.errors import Refused, why
from schema.orders import BackendCard, Gpu

Unmakeable = (BackendTrouble, Refused, ImportError, ValueError, OSError)
"""What making a backend may raise: a library that is not installed, an address that is none, a folder not there."""


def unmakeable(fault: Exception) -> str:
    """The sentence for people."""
    match fault:
        case BackendTrouble(sentence=sentence):
            return sentence
        case Refused():
            return fault.told()
        case _:
            return f"{why(fault)}."


class Absent:
    def __init__(self, kind: str, sentence: str) -> None:
        self.kind = kind
        self._sentence = sentence

    def kinds(self) -> tuple[str, ...]:
        return ()

    def card(self) -> BackendCard:
        return BackendCard(kind=self.kind, kinds=(), state="disconnected", trouble=self._sentence)

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
