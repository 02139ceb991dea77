"""The queue as a whole."""

from daemon.core.state import State
from schema import commands as c
from schema import events as e


def change(state: State, command: c.PauseQueue | c.ResumeQueue | c.SetQueueMode) -> list[e.Event]:
    match command:
        case c.PauseQueue():
            return [] if state.paused else [e.QueuePaused()]
        case c.ResumeQueue():
            return [e.QueueResumed()] if state.paused else []
        case c.SetQueueMode(mode=mode):
            return [] if mode == state.mode else [e.QueueModeChanged(was=state.mode, now=mode)]
