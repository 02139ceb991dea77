"""Lets a house be asked as of any moment: what a house of then needs besides its ledger and its views."""

from contextlib import AsyncExitStack
from dataclasses import replace

from daemon.api.house import House
from daemon.cards import Cards
from daemon.core.rules import rules_of
from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.models import Models
from daemon.parts import utc_offset
from daemon.then import Files, Moments
from daemon.thinking import learner_over, planner_over
from schema.places import Places
from schema.settings import Settings


def travelling(house: House, places: Places, settings: Settings, stack: AsyncExitStack) -> House:
    """The same house; its moments are closed with the stack."""

    def dressed(then: House, state: State) -> House:
        """With the nodes' cards of then, and what verdicts had taught; files of the library and models are of now."""
        known, ledger = Cards(state, Vitals(), house.blob).known, then.ledger
        planner = planner_over(ledger, places, settings, known, house.blob, clock=then.clock)
        learner = learner_over(then.views, ledger, planner, known, places, house.version)
        models = house.models.as_of(then.views, known) if isinstance(house.models, Models) else house.models
        return replace(then, known=known, library=planner, learning=learner, models=models)

    files = Files(places.log, places.snapshots, places.views)
    moments = Moments(house, files, rules=rules_of(settings, utc_offset), dress=dressed)
    stack.push_async_callback(moments.close)
    house.then = moments.then
    return house
