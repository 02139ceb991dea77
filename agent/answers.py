"""What comes back from a server: its answer, or the trouble there was in getting one, in words for a person."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import msgspec

T = TypeVar("T")


def decoded(content: bytes | str, kind: type[T]) -> T:
    """JSON as `kind`. Raises msgspec.DecodeError, also for what is nested deeper than anybody can read."""
    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deeply") from None


class ServerTrouble(Exception):
    """Nothing usable came back. `sent`: the request may have been taken, and may be under way there."""

    def __init__(self, sentence: str, *, sent: bool) -> None:
        self.sentence = sentence
        self.sent = sent
        super().__init__(sentence)


class NoServer(ServerTrouble):
    """Refused, unreachable, silent for too long, or dropped."""


class Silent(NoServer):
    """Its address takes the call, and no answer comes in time: it may be working too hard to answer."""


class BadAnswer(ServerTrouble):
    """Something answered, but not what was asked: a redirect, no HTTP, no JSON, too much."""


class Redirected(BadAnswer):
    """It stands at another address; whether that is to be trusted is for a person to say."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    url: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> object:
        """Raises BadAnswer."""
        return self.read(object)

    def read(self, kind: type[T]) -> T:
        """The JSON body as `kind`. Raises BadAnswer for what is no JSON or has another shape."""
        try:
            return decoded(self.body, kind)
        except msgspec.ValidationError as fault:
            raise BadAnswer(f"{self.url} answered in an unknown shape: {fault}", sent=True) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadAnswer(f"{self.url} answered {self.told()} instead of JSON", sent=True) from None

    def told(self, most: int = 200) -> str:
        """The body for a sentence: a page is named, text is cut to one line."""
        text = " ".join(self.body[: most * 8].decode("utf-8", "replace").split())
        if not text:
            return "nothing"
        if text[:200].lower().startswith(("<!doctype html", "<html")):
            return "a web page"
        return text if len(text) <= most else text[:most] + "…"

    def wait_s(self) -> float | None:
        """Retry-After in seconds, where it says some."""
        try:
            return max(0.0, float(self.headers.get("retry-after", "")))
        except ValueError:
            return None
