"""What is told of a request under way: its progress in the words of a reporter, and its unfinished picture, small."""

import base64
import binascii
import hashlib
import io

from PIL import Image

from agent.backends.webui.shapes import Progress

PREVIEW_SIDE = 384
"""Pixels along the longer side."""

AGAIN = 0.5
"""Seconds after which the same progress is told again."""

_FAULTS = (
    ValueError,
    binascii.Error,
    OSError,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class Telling:
    """Progress in the words of a reporter: within one `doing` it only grows."""

    def __init__(self, *, passes: int, begins: str) -> None:
        self._passes = max(1, passes)
        """Times the sampler runs."""
        self._waiting = begins
        """Until the first step of a sampler, if there is one."""
        self._last = (0, 1, self._waiting)
        self._told: tuple[tuple[int, int, str], float] | None = None
        self._shown = ""

    def due(self, seen: Progress | None, now: float) -> tuple[int, int, str] | None:
        """`seen`: our own job's; None: it was not seen yet. Gives None when nothing changed a moment ago."""
        if seen is not None:
            self._last = self._grown(self._read(seen))
        return self._due(self._last, now)

    def waiting(self, doing: str, since: float, now: float) -> tuple[int, int, str] | None:
        """Nothing of ours moves. The seconds are told, so that a wait is never taken for a standstill."""
        return self._due((0, 1, f"{doing}, {now - since:.0f} s"), now)

    def _due(self, news: tuple[int, int, str], now: float) -> tuple[int, int, str] | None:
        if self._told is not None and self._told[0] == news and now - self._told[1] < AGAIN:
            return None
        self._told = (news, now)
        return news

    def _read(self, seen: Progress) -> tuple[int, int, str]:
        state = seen.state
        steps, step, number = state.sampling_steps or 0, state.sampling_step or 0, state.job_no or 0
        if not step and not number:
            return 0, 1, self._waiting
        if step >= steps and number + 1 >= self._passes:
            return 0, 1, "decoding"
        of = max(1, steps)
        return min(number, self._passes - 1) * of + min(step, of), self._passes * of, "sampling"

    def _grown(self, new: tuple[int, int, str]) -> tuple[int, int, str]:
        step, steps, doing = self._last
        order = (self._waiting, "sampling", "decoding")
        if order.index(new[2]) < order.index(doing):
            return self._last
        if new[2] == doing and new[0] * steps < step * new[1]:
            return self._last
        return new

    def preview(self, seen: Progress) -> bytes | None:
        """As a small JPEG; None: none, or the one before."""
        text = seen.current_image or ""
        if not text:
            return None
        digest = hashlib.sha256(text.encode()).hexdigest()
        if digest == self._shown:
            return None
        self._shown = digest
        try:
            return _small(base64.b64decode(text.rpartition(",")[2]))
        except _FAULTS:
            return None


def _small(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as picture:
        small = picture.convert("RGB")
        small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=80)
        return out.getvalue()
