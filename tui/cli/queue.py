"""`queue`, `undo` and `redo`: what concerns the whole queue and the last command."""

from tui.cli import ask, output
from tui.cli.status import queue_words
from tui.cli.tree import JSON, KEY, Verb, argument

COMMAND = (KEY, JSON)


def show(as_json: bool) -> int:
    queue = ask.daemon().get("/v1/queue")
    if as_json:
        output.put_json(queue.fields)
    else:
        output.put(queue_words(queue))
    return 0


def pause(key: str | None, as_json: bool) -> int:
    return ask.command(
        "/v1/queue/pause", {}, key, as_json, "The queue is paused; what runs goes on to its stage's end."
    )


def resume(key: str | None, as_json: bool) -> int:
    return ask.command("/v1/queue/resume", {}, key, as_json, "The queue goes on.")


def clear(key: str | None, as_json: bool) -> int:
    return ask.command("/v1/queue/clear", {}, key, as_json, "{n} cancelled; `stablenew undo` brings them back.")


def mode(mode: str, key: str | None, as_json: bool) -> int:
    return ask.command("/v1/queue/mode", {"mode": mode}, key, as_json, f"The queue's mode is {output.clean(mode)}.")


def undo(key: str | None, as_json: bool) -> int:
    return _taken_back("/v1/undo", "Taken back", key, as_json)


def redo(key: str | None, as_json: bool) -> int:
    return _taken_back("/v1/redo", "Done again", key, as_json)


def _taken_back(path: str, words: str, key: str | None, as_json: bool) -> int:
    answer = ask.daemon().post(path, {}, key)
    return ask.told(answer, as_json, f"{words}: {answer.text('text')}.")


VERBS = {
    "show": Verb(show, "What waits and runs, in numbers.", (JSON,)),
    "pause": Verb(pause, "Start no further stage.", COMMAND),
    "resume": Verb(resume, "Go on.", COMMAND),
    "clear": Verb(clear, "Cancel all that waits.", COMMAND),
    "mode": Verb(
        mode,
        "How live work and batches share the nodes.\n"
        "share: as it comes; warm: the best node stays warm for live work; free: it takes no batch at all.",
        (argument("MODE", "share, warm or free."), *COMMAND),
    ),
}
UNDO = Verb(undo, "Take back the last command.", COMMAND)
REDO = Verb(redo, "Do again what `undo` took back.", COMMAND)
