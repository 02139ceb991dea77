"""Opens the terminal UI on this machine's daemon, with the person's settings, and sees it end."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from schema.errors import NoDaemon
from tui import outside
from tui.app import StableNew
from tui.editor import recall
from tui.ending import obey
from tui.terminal import prepare

LAST_TRY = 3.0
"""Seconds that verdicts on their way are waited for when the program is left."""


def run(as_of: str | None = None) -> int:
    """Shows the terminal UI until it is left; its exit code. Starts the daemon where none runs."""
    from schema.places import places
    from tui.link.endpoint import ensure, socket_of
    from tui.preferences import preferences

    where = places(os.environ).settings
    ui, complaint = preferences(where, os.environ)
    ui = prepare(ui)

    def find() -> Path:
        socket = socket_of(os.environ)
        if socket is None:
            raise NoDaemon("none runs; `: start the daemon` starts one")
        return Path(socket)

    sharp = None
    if ui.images not in ("half", "none"):
        from tui.widgets.preview import sharp_class

        sharp = sharp_class(ui.images, remote=outside.is_remote(os.environ), tmux=bool(os.environ.get("TMUX")))
    app = StableNew(
        find,
        ensure=lambda: _ensured(ensure),
        ui=ui,
        env=os.environ,
        complaint=complaint,
        sharp=sharp,
        as_of=as_of or "",
        settings_file=where,
    )

    async def shown() -> None:
        obey(lambda code: app.exit(None, code), recall)
        try:
            await app.run_async(mouse=ui.mouse)
        finally:  # also when the terminal is gone and nothing can be drawn any more
            await app.outbox.flush(LAST_TRY)
            await app.asker.drop()

    gc.freeze()  # what is loaded by now stays: collections pass it by, and none stops the first frame
    asyncio.run(shown())
    if unsent := app.outbox.unsent():
        print(unsent, file=sys.stderr)
    return app.return_code or 0


def _ensured(ensure: Callable[[Mapping[str, str]], object]) -> None:
    ensure(os.environ)
