"""What a person sees of a running prompt: which node works, how far the sampling is, how long each took.

Fed by hints; says something without them too. Knows the graph's steps; sends nothing to the server.
"""

from collections.abc import Callable, Mapping

from agent.backends import Reporter
from agent.backends.comfyui.hint import Closed, News, Shown, Told

DOING: Mapping[str, str] = {
    "CheckpointLoaderSimple": "loading model", "UNETLoader": "loading model", "CLIPLoader": "loading model",
    "DualCLIPLoader": "loading model", "TripleCLIPLoader": "loading model", "VAELoader": "loading model",
    "LoraLoader": "loading model", "UpscaleModelLoader": "loading model", "ControlNetLoader": "loading model",
    "CLIPTextEncode": "reading the prompt", "KSampler": "sampling", "KSamplerAdvanced": "sampling",
    "VAEDecode": "decoding", "VAEDecodeTiled": "decoding", "VAEEncode": "encoding", "VAEEncodeTiled": "encoding",
    "ImageUpscaleWithModel": "upscaling", "SaveImage": "saving", "LoadImage": "reading the picture",
}  # fmt: skip
LOADING = "loading model"
JPEG = b"\xff\xd8"


class Progress:
    def __init__(
        self,
        reporter: Reporter,
        clock: Callable[[], float],
        prompt: str,
        kinds: Mapping[str, str],
        steps: Mapping[str, int],
    ) -> None:
        """`kinds`: class of every node; `steps`: of those that sample."""
        self._reporter = reporter
        self._clock = clock
        self._prompt = prompt
        self._kinds = kinds
        self._steps = dict(steps)
        self._done: dict[str, int] = {}
        self._node: str | None = None
        self._since = clock()
        self._told = -1e9
        self._last: dict[str, tuple[int, int]] = {}
        self.state: tuple[int, int, str] = (0, max(1, sum(steps.values())), LOADING if steps else "waiting")
        self.seconds: dict[str, float] = {}
        self.cached: tuple[str, ...] = ()
        self.ending = False
        """It did its last step; its history is being written."""
        self.over = False
        """The server says that its history is there."""

    def hear(self, news: News) -> bool:
        """True: it was about our prompt. Raises Cancelled."""
        match news:
            case Shown():
                if news.prompt not in (None, self._prompt) or (news.prompt is None and self._node is None):
                    return False
                # a node that sends its finished picture this way sends a large PNG: that is no preview
                if self._reporter.previews and news.content.startswith(JPEG):
                    self._reporter.preview(news.content)
                return True
            case Told():
                return self._heard(news)
            case Closed():
                return False

    def pulse(self) -> None:
        """At least once a second: says the same again. Raises Cancelled."""
        if self._clock() - self._told >= 0.4:
            self._told = self._clock()
            self._reporter.step(*self.state)

    @property
    def loaded_s(self) -> float:
        return sum(seconds for node, seconds in self.seconds.items() if DOING.get(self._kinds.get(node, "")) == LOADING)

    def timings(self) -> str:
        """`KSampler 1.20, VAEDecode 0.31`: seconds of each node that took at least 5 ms."""
        named = ((self._kinds.get(node, node), seconds) for node, seconds in self.seconds.items())
        return ", ".join(f"{kind} {seconds:.2f}" for kind, seconds in named if seconds >= 0.005)

    def _heard(self, told: Told) -> bool:
        whose = told.text("prompt_id")
        if whose != self._prompt:
            return False  # also after a reconnect, where `executing` does not say whose it is
        match told.type:
            case "execution_cached":
                self.cached = told.texts("nodes")
                self._done |= {node: self._steps[node] for node in self.cached if node in self._steps}
            case "executing":
                self._enter(told.text("node"))
            case "progress":
                self._advance(told.text("node"), int(told.number("value")), int(told.number("max")))
            case "execution_success" | "execution_error" | "execution_interrupted":
                self._leave()
                self.ending = True
        return True

    def _enter(self, node: str | None) -> None:
        self._leave()
        if node is None:
            self.over = True
            return
        self._node, self._since = node, self._clock()
        doing = DOING.get(self._kinds.get(node, ""), self._kinds.get(node, "working"))
        if node in self._steps:
            # the sampler itself first brings its model to the device: that is loading until its first step
            self._tell(self._total(), self._all(), "sampling" if self._done else LOADING)
        else:
            self._tell(*((0, 1, doing) if doing != LOADING else (0, self._all(), LOADING)))

    def _leave(self) -> None:
        if self._node is not None:
            spent = self._clock() - self._since
            self.seconds[self._node] = round(self.seconds.get(self._node, 0.0) + spent, 4)
        self._node = None

    def _advance(self, node: str | None, value: int, most: int) -> None:
        if node is None:
            return
        if node in self._steps:
            self._done[node] = max(self._done.get(node, 0), round(value / max(1, most) * self._steps[node]))
            self._tell(self._total(), self._all(), "sampling")
        else:
            self._tell(value, max(1, most), DOING.get(self._kinds.get(node, ""), "working"))

    def _total(self) -> int:
        return sum(self._done.values())

    def _all(self) -> int:
        return max(1, sum(self._steps.values()))

    def waits(self) -> None:
        """Others are before it."""
        if not self._last:
            self.state = (0, 1, "waiting in ComfyUI's queue")

    def done(self) -> None:
        self._tell(1, 1, "saving")

    def _tell(self, step: int, steps: int, doing: str) -> None:
        """Within one word it only grows, also where several nodes do the same thing."""
        step, steps = max((step, steps), self._last.get(doing, (0, 0)))
        self._last[doing] = (step, steps)
        self.state = (step, steps, doing)
        self._told = self._clock()
        self._reporter.step(step, steps, doing)
