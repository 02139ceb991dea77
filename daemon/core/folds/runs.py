"""What happens to runs and their films."""

from daemon.core import filing
from daemon.core.state import Run, State
from schema import events as e
from schema.ids import Token


def submitted(state: State, event: e.RunSubmitted, envelope: e.Envelope) -> None:
    state.runs[event.run] = Run(id=event.run, spec=event.spec, created=envelope.at)
    if event.spec.lane == "interactive":
        state.live_at = envelope.at
    filing.look_at_run(state, event.run)


def pause_changed(state: State, event: e.RunPaused | e.RunResumed) -> None:
    if (run := state.runs.get(event.run)) is not None:
        run.paused = isinstance(event, e.RunPaused)
        filing.refile_run(state, run.id)


def reopened(state: State, event: e.RunReopened, envelope: e.Envelope) -> None:
    run = state.runs.get(event.run)
    if run is None:
        run = state.runs[event.run] = Run(id=event.run, spec=event.spec, created=envelope.at)
    run.finished, run.failed, run.cancelled = event.finished, event.failed, event.cancelled
    run.over, run.filmed, run.film, run.recounted = False, False, None, envelope.command
    filing.look_at_run(state, run.id)


def film_started(state: State, event: e.FilmStarted, envelope: e.Envelope) -> None:
    if (run := state.runs.get(event.run)) is not None:
        run.film = Token(envelope.seq)


def film_ended(state: State, event: e.FilmFinished | e.FilmFailed) -> None:
    run = state.runs.get(event.run)
    if run is not None and run.film == event.token:
        run.film, run.filmed = None, True
        filing.look_at_run(state, run.id)


def finished(state: State, event: e.RunFinished) -> None:
    run = state.runs.get(event.run)
    if run is None:
        return
    run.over = True
    if run.open == 0:
        del state.runs[run.id]
        filing.forget_run(state, run.id)
    # What concerned its waiting jobs only can no longer be taken back.
    state.undo = [one for one in state.undo if one.run != run.id or one.verb in ("cancel", "rerun")]
