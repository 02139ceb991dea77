"""Chooses LoRAs that fit a prompt, out of those that the order names. Arithmetic alone: it needs no server and no GPU,
so every agent has it.
"""

from agent.backends import BackendTrouble, Made, Memory, Reporter, Work
from agent.backends.words.matching import Choice, chosen
from agent.backends.words.phrasing import with_loras
from agent.effective import flattened
from schema.orders import BackendCard, Gpu
from schema.plans import Scalar
from schema.stages import SelectLoras

KINDS = ("selectLoras",)

NOTE = "Adds LoRAs whose tags and trigger words are in the prompt. It reads names and tags only and makes no pictures."

SHOWN = 12
"""Of those that were not taken, the ones of which is said why."""


class Words:
    kind = "words"

    def kinds(self) -> tuple[str, ...]:
        return KINDS

    def card(self) -> BackendCard:
        return BackendCard(kind=self.kind, kinds=KINDS, note=NOTE, open_lists=True)

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def memory(self) -> Memory:
        return Memory()

    def run(self, work: Work, reporter: Reporter) -> Made:
        config, order = work.config, work.order
        if not isinstance(config, SelectLoras):
            raise BackendTrouble("bad-request", f"words does not run {config.type}; its card says what it does")
        reporter.step(0, 1, "matching")
        choice = chosen(config, order.prompt, order.negative, order.candidates)
        prompt, added = with_loras(order.prompt, choice.taken, triggers=config.triggers)
        reporter.step(1, 1, "matching")
        reported: dict[str, Scalar] = {
            "prompt": prompt,
            "negative": order.negative,
            "loras": ", ".join(f"{one.name}:{one.weight:g}" for one in choice.taken),
            "triggers": ", ".join(added),
            "candidates": len(order.candidates),
            "why": told(choice),
        }
        return Made(
            effective=flattened(config),
            reported={name: value for name, value in reported.items() if value != "" or name == "negative"},
        )

    def free(self) -> None:
        """Nothing is loaded."""

    def close(self) -> None:
        """Nothing is open."""


def told(choice: Choice) -> str:
    """A line for each that was taken, and for those that came near."""
    lines = [f"{one.name} {one.weight:g}: {one.why}" for one in choice.taken]
    lines += [f"not {one.name}: {one.why}" for one in choice.passed[:SHOWN]]
    return "\n".join(lines) or "there is no LoRA to choose from"
