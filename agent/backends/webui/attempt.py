"""One attempt of a stage on one server: its pictures, its requests under way, and what is kept of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from agent.backends import BackendTrouble, Drawn, Made, Reporter, Work
from agent.backends.webui import answers
from agent.backends.webui.answers import Image, Result
from agent.backends.webui.borrowed import Borrowed
from agent.backends.webui.door import Door
from agent.backends.webui.owning import Look
from agent.backends.webui.running import Runner
from agent.backends.webui.stock import Stock
from agent.backends.webui.telling import Telling
from agent.backends.webui.watching import Course
from agent.backends.webui.wishes import Chosen, words
from agent.effective import flattened
from agent.http import Answer
from schema.orders import attempt_id
from schema.plans import Scalar
from schema.stages import ImageStage


@dataclass(kw_only=True)
class Outcome:
    """What the backend keeps of a stage besides its pictures."""

    made: Made
    model: str | None = None
    """That is loaded now."""


@dataclass(kw_only=True)
class Attempt:
    door: Door
    runner: Runner
    borrowed: Borrowed
    stock: Stock
    resident: str | None
    """The model that needs no loading, as far as is known."""
    work: Work
    reporter: Reporter
    clock: Callable[[], float]
    loaded_s: float = field(default=0.0, init=False)
    waited_s: float = field(default=0.0, init=False)
    """For other clients' jobs."""

    def sent(
        self,
        path: str,
        request: object,
        look: Look,
        told: Telling,
        around: AbstractContextManager[object] | None = None,
    ) -> tuple[Answer, Course]:
        return self.runner.run(path, request, look, self.reporter, told, around, tasks=self.stock.tasks)

    def pictures(self) -> Sequence[Path]:
        """What the stage works on: its own image before those of the stage before it."""
        pictures = (self.work.image,) if self.work.image else self.work.inputs
        if not pictures:
            raise BackendTrouble("bad-request", f"{self.work.config.type} needs a picture and the order names none")
        return pictures

    def task(self, number: int) -> str:
        order = self.work.order
        return f"stablenew~{attempt_id(order.job, order.stage, order.token)}~{number}~{self.clock():.6f}"

    def outcome(
        self,
        config: ImageStage,
        images: Sequence[Image],
        sizes: Sequence[tuple[int, int]],
        used: dict[str, Scalar],
        choice: Chosen | None = None,
        result: Result | None = None,
    ) -> Outcome:
        reported: dict[str, Scalar] = (
            answers.reported(result, self.stock) if result else {"flavour": self.stock.flavour}
        )
        reported |= {"width": images[0].seen.width, "height": images[0].seen.height}
        if waited := round(self.waited_s, 1):
            reported["waited_s"] = waited
        if choice:
            reported |= self._respelled()
        made = Made(
            pictures=tuple(Drawn(image.content, image.seed) for image in images),
            effective=flattened(config, used),
            reported=reported,
            suspect=answers.suspect(images, sizes),
            loaded_s=self.loaded_s,
            megapixels=sum(image.seen.width * image.seen.height for image in images) / 1e6,
        )
        model = choice.checkpoint.name if choice and choice.checkpoint else self.resident
        return Outcome(made=made, model=model)

    def _respelled(self) -> dict[str, Scalar]:
        """Where the server has another name for what the prompts name: as they were sent."""
        order = self.work.order
        sent = {"prompt": words(order.prompt, self.stock), "negative": words(order.negative, self.stock)}
        return {name: text for name, text in sent.items() if text != getattr(order, name)}
