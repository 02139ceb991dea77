"""The way to one WebUI: paths of its API, answers as typed values, failures as BackendTrouble."""

from collections.abc import Mapping
from typing import TypeVar

from agent.backends import BackendTrouble
from agent.backends.webui.errors import broken_off, classified, credentials
from agent.backends.webui.shapes import Progress
from agent.http import Answer, Call, Server, ServerTrouble

T = TypeVar("T")

API = "/sdapi/v1"
LIMIT = 1 << 30
"""Bytes of an answer with pictures in it."""

DAY = 86_400.0
"""Seconds that a job's own connection may be silent: liveness is judged by `/progress`, not by it."""


class Door:
    def __init__(self, url: str, auth: str) -> None:
        self.server = Server(url, auth=auth, timeout=20.0)
        self.has_auth = bool(self.server.headers)

    @property
    def url(self) -> str:
        return self.server.url

    def ask(self, path: str, query: Mapping[str, str | int | float] | None = None) -> Answer:
        """Any status. Raises ServerTrouble."""
        return self.server.get(path, query or {})

    def get(self, path: str, kind: type[T], query: Mapping[str, str | int | float] | None = None) -> T:
        """Raises BackendTrouble."""
        try:
            return self._read(self.server.get(path, query or {}), kind)
        except ServerTrouble as trouble:
            raise broken_off(trouble) from None

    def listed(self, path: str, kind: type[T]) -> T | None:
        """As `get`; None where the server has no such route, or fails at it: lists are optional, one by one."""
        try:
            answer = self.server.get(path)
            return answer.read(kind) if answer.ok else None
        except ServerTrouble:
            return None

    def post(self, path: str, body: object, kind: type[T]) -> T:
        try:
            return self._read(self.server.post(path, body), kind)
        except ServerTrouble as trouble:
            raise broken_off(trouble) from None

    def tell(self, path: str, body: object = None) -> None:
        """For the effect; the answer is null or empty. Raises BackendTrouble."""
        try:
            answer = self.server.post(path, {} if body is None else body)
        except ServerTrouble as trouble:
            raise broken_off(trouble) from None
        if not answer.ok:
            raise self.refused(answer)

    def progress(self) -> Progress:
        """Raises BackendTrouble."""
        try:
            return self.look()
        except ServerTrouble as trouble:
            raise broken_off(trouble) from None

    def look(self, *, picture: bool = False) -> Progress:
        """Raises ServerTrouble for no answer, BackendTrouble for a refusal."""
        query = {} if picture else {"skip_current_image": "true"}
        return self._read(self.server.get(f"{API}/progress", query), Progress)

    def call(self, path: str, body: object) -> Call:
        """A job: its answer comes when the picture is done, however long that takes."""
        return self.server.open("POST", path, body, timeout=DAY)

    def refused(self, answer: Answer) -> BackendTrouble:
        if answer.status == 401 and self.has_auth:
            return BackendTrouble("lost", credentials(self.url, given=True))
        return classified(answer)

    def _read(self, answer: Answer, kind: type[T]) -> T:
        if not answer.ok:
            raise self.refused(answer)
        return answer.read(kind)
