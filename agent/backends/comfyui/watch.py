"""One prompt from submission to its end: queue and history are the truth, asked at most twice a second.

The WebSocket's hints make it lively and may fail at any time. Cancelling touches our own prompt and no other.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from agent.backends import BackendTrouble, Cancelled, Reporter
from agent.backends.comfyui import faults
from agent.backends.comfyui.hint import Hints
from agent.backends.comfyui.progress import Progress
from agent.backends.comfyui.server import Comfy, Past
from agent.http import NoServer, ServerTrouble

PERIOD = 0.5
"""Seconds between two questions to the server."""

QUIET = 2.0
"""While hints come, the server is asked this seldom."""

GONE = 10.0
"""Seconds without a connection after which the server counts as dead, and what it had in hand as lost."""

SILENT = 900.0
"""The same for one that takes connections and says nothing: a machine that swaps while it loads a model."""

LETTING_GO = 60.0
"""Seconds a cancelled prompt may take to stop: within a node that loads a model nothing can be interrupted."""


class Finished(NamedTuple):
    past: Past
    prompt: str
    progress: Progress


class Watch:
    def __init__(self, server: Comfy, clock: Callable[[], float]) -> None:
        self._server = server
        self._clock = clock

    def run(
        self, graph: Mapping[str, object], kinds: Mapping[str, str], steps: Mapping[str, int], reporter: Reporter
    ) -> Finished:
        """The ended prompt. Raises BackendTrouble, or Cancelled once the server has let go of it."""
        with Hints(self._server.http) as hints:
            prompt = self._submit(graph, hints.client)
            progress = Progress(reporter, self._clock, prompt, kinds, steps)
            try:
                past = self._follow(prompt, progress, hints, reporter)
            except Cancelled:
                self._let_go(prompt)
                raise
        if past.status is None or past.status.status_str != "success":
            if reporter.cancelled() and faults.is_interrupted(past.status):
                raise Cancelled
            raise faults.ended_badly(past.status)
        progress.done()
        return Finished(past, prompt, progress)

    def _submit(self, graph: Mapping[str, object], client: str) -> str:
        prompt = str(uuid.uuid4())
        try:
            answer = self._server.submit(graph, client, prompt)
        except ServerTrouble as fault:
            if fault.sent and self._knows(prompt):
                return prompt  # only the answer was lost
            raise lost(fault) from None
        try:
            return faults.taken(answer)
        except faults.PartlyTaken as partly:
            self._let_go(partly.prompt_id)
            raise

    def _knows(self, prompt: str) -> bool:
        try:
            waiting = self._server.queue()
            return prompt in waiting.running | waiting.pending or self._server.past(prompt) is not None
        except ServerTrouble:
            return False

    def _follow(self, prompt: str, progress: Progress, hints: Hints, reporter: Reporter) -> Past:
        asked = heard = answered = self._clock()
        while True:
            progress.pulse()
            if reporter.cancelled():
                raise Cancelled
            news = hints.next(PERIOD / 2)
            now = self._clock()
            if news is not None and progress.hear(news):
                heard = now
            over, progress.over = progress.over, False
            lively = now - heard < PERIOD and not progress.ending
            if not over and now - asked < (QUIET if lively else PERIOD):
                continue
            asked = now
            try:
                past = self._ended(prompt, progress, over=over)
            except ServerTrouble as fault:
                silent = isinstance(fault, NoServer) and fault.sent
                if now - answered > (SILENT if silent else GONE):
                    with suppress(ServerTrouble):
                        self._server.delete(prompt)  # else it would be made there beside the next try
                    raise lost(fault) from None
                continue
            answered = now
            if past is not None:
                return past

    def _ended(self, prompt: str, progress: Progress, *, over: bool) -> Past | None:
        """None: it waits or runs. History is asked after the queue: so nothing falls between the two."""
        if over and (past := self._server.past(prompt)) is not None:
            return past
        waiting = self._server.queue()
        if prompt in waiting.pending:
            progress.waits()
        if prompt in waiting.running or prompt in waiting.pending:
            return None
        past = self._server.past(prompt)
        if past is None:
            raise BackendTrouble(
                "lost", "the server knows nothing of it any more: it was restarted, or somebody cleared its queue"
            )
        return past

    def _let_go(self, prompt: str) -> None:
        """Until the server has stopped it. An old server interrupts whatever runs, so ours must be what runs."""
        until = self._clock() + LETTING_GO
        while self._clock() < until:
            try:
                waiting = self._server.queue()
                if prompt in waiting.running:
                    self._server.interrupt(prompt)
                elif prompt in waiting.pending:
                    self._server.delete(prompt)
                else:
                    return
            except ServerTrouble as fault:
                if not fault.sent:
                    return  # it is gone, and what it had in hand with it
            time.sleep(PERIOD)


def lost(fault: ServerTrouble) -> BackendTrouble:
    """A server that is not there does not count against the job; one that answers nonsense does."""
    return BackendTrouble("lost" if isinstance(fault, NoServer) else "backend", fault.sentence)
