"""What plans runs and what learns from verdicts, over a ledger and views of now or of any other moment."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from daemon.api.house import LedgerDoor
from daemon.learner import Learner
from daemon.learner.asking import Asker
from daemon.learner.lab import Lab
from daemon.library.shelf import FolderShelf
from daemon.log.when import seq_of
from daemon.planner import Planner, last_run
from daemon.prompting.looks.lean import Lean
from daemon.prompting.proposed import check_settings
from daemon.scheduling.able import Known
from daemon.views.read_views import ReadViews
from schema.ids import Sha256
from schema.places import Places
from schema.settings import Settings


def planner_over(
    ledger: LedgerDoor,
    places: Places,
    settings: Settings,
    known: Callable[[], Sequence[Known]],
    path_of: Callable[[Sha256], Path],
    *,
    clock: Callable[[], float] = time.time,
    named: Callable[[str], Mapping[str, str]] | None = None,
) -> Planner:
    """Files of the library are those of now; the last run and what verdicts taught are the ledger's."""
    shelf = FolderShelf(places, lambda: last_run(ledger.last, path_of))
    return Planner(
        shelf,
        settings,
        clock,
        secrets.randbelow,
        known,
        path_of,
        lambda: Lean(ledger.feedback),
        named=named,
        lessons=lambda: ledger.lessons,
    )


def learner_over(
    views: ReadViews,
    ledger: LedgerDoor,
    planner: Planner,
    known: Callable[[], Sequence[Known]],
    places: Places,
    version: str,
) -> Learner:
    return Learner(
        views,
        ledger,
        seq_at=lambda when: seq_of(places.log, when, time.time()),
        lab=Lab(planner.plan, planner.config, known),
        asker=Asker(planner.plan, known),
        check=check_settings,
        version=version,
        salt=places.state / "learning-salt",
    )
