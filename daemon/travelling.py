"""Lets a house be asked as of any moment: what a house of then needs besides its ledger and its views."""

import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import replace

from daemon.api.house import House
from daemon.cards import Cards
from daemon.core.rules import rules_of
from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.learner import Learner
from daemon.learner.asking import Asker
from daemon.learner.lab import Lab
from daemon.library.shelf import FolderShelf
from daemon.log.when import seq_of
from daemon.models import Models
from daemon.parts import utc_offset
from daemon.planner import Planner, last_run
from daemon.prompting.looks.lean import Lean
from daemon.prompting.proposed import check_settings
from daemon.then import Files, Moments
from schema.places import Places
from schema.settings import Settings


def travelling(house: House, places: Places, settings: Settings, stack: AsyncExitStack) -> House:
    """The same house; its moments are closed with the stack."""

    def dressed(then: House, state: State) -> House:
        """With the nodes' cards of then, and what verdicts had taught; files of the library and models are of now."""
        known, ledger = Cards(state, Vitals(), house.blob).known, then.ledger
        shelf = FolderShelf(places, lambda: last_run(ledger.last, house.blob))
        planner = Planner(
            shelf,
            settings,
            then.clock,
            secrets.randbelow,
            known,
            house.blob,
            lambda: Lean(ledger.feedback),
            lessons=lambda: ledger.lessons,
        )
        learner = Learner(
            then.views,
            ledger,
            seq_at=lambda when: seq_of(places.log, when, time.time()),
            lab=Lab(planner.plan, planner.config, known),
            asker=Asker(planner.plan, known),
            check=check_settings,
            version=house.version,
            salt=places.state / "learning-salt",
        )
        models = house.models.as_of(then.views, known) if isinstance(house.models, Models) else house.models
        return replace(then, known=known, library=planner, learning=learner, models=models)

    files = Files(places.log, places.snapshots, places.views)
    moments = Moments(house, files, rules=rules_of(settings, utc_offset), dress=dressed)
    stack.push_async_callback(moments.close)
    house.then = moments.then
    return house
