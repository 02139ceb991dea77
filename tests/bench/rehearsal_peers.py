"""How others choose, brought to the policy's interface, so that all meet the very same traces.

Each is the idea of the program named, in its best light: with lanes, and only on machines that the stage fits.
"""

from collections.abc import Callable, Sequence

from daemon.scheduling.fifo import first_in_first_out
from daemon.scheduling.groups import Costs, Group, Machine, Options, Pick, Wait
from daemon.scheduling.policy import pick

Choose = Callable[[Sequence[Group], Sequence[Machine], Costs, float, Options], Pick | Wait]

IDLE = Wait(None, {}, {})


def turn(group: Group) -> tuple[bool, float, bool, int, str]:
    return (not group.live, group.arrived, not group.started, len(group.job), group.job)


def seconds(group: Group, machine: Machine, costs: Costs) -> float:
    return costs.move(group, machine) + costs.swap(group, machine) + costs.execute(group, machine)


def free(machine: Machine, now: float) -> float:
    return now if machine.idle else max(now, machine.free_at)


def fitting(group: Group, machines: Sequence[Machine]) -> list[Machine]:
    return [machine for at, machine in enumerate(machines) if group.able >> at & 1]


def least_loaded() -> Choose:
    """ComfyUI-Distributed: the next job to the worker that was given least, whatever it holds, however fast it is."""
    given: dict[str, int] = {}

    def choose(
        groups: Sequence[Group], machines: Sequence[Machine], costs: Costs, now: float, options: Options
    ) -> Pick | Wait:
        for group in sorted((group for group in groups if group.ready), key=turn):
            fit = fitting(group, machines)
            least = min(fit, key=lambda machine: (given.get(machine.id, 0), machine.id))
            if least.idle:
                given[least.id] = given.get(least.id, 0) + 1
                return Pick(group, least, f"{least.name} was given least")
        return IDLE

    return choose


def model_pressure() -> Choose:
    """SwarmUI: whoever holds the model takes it; an idle backend loads the model that most requests wait for."""

    def choose(
        groups: Sequence[Group], machines: Sequence[Machine], costs: Costs, now: float, options: Options
    ) -> Pick | Wait:
        waiting = sorted((group for group in groups if group.ready), key=turn)
        for group in waiting:
            held = [one for one in fitting(group, machines) if one.idle and costs.swap(group, one) == 0.0]
            if held:
                return Pick(group, min(held, key=lambda one: (-one.speed, one.id)), "it holds the model")
        pressure: dict[str | None, float] = {}
        for group in waiting:
            held_by = sum(group.lot.model in machine.models for machine in machines)
            asked = group.ready * (1.0 + (now - group.arrived) / 60.0)
            pressure[group.lot.model] = pressure.get(group.lot.model, 0.0) + asked / (1 + held_by)
        for group in sorted(waiting, key=lambda group: (not group.live, -pressure[group.lot.model], turn(group))):
            idle = [one for one in fitting(group, machines) if one.idle]
            if idle:
                return Pick(group, min(idle, key=lambda one: (-one.speed, one.id)), "its model is asked for most")
        return IDLE

    return choose


def easy_backfill() -> Choose:
    """Slurm's EASY: the first in line has a reservation; others may go before it where they do not delay it."""

    def choose(
        groups: Sequence[Group], machines: Sequence[Machine], costs: Costs, now: float, options: Options
    ) -> Pick | Wait:
        waiting = sorted((group for group in groups if group.ready), key=turn)
        if not waiting:
            return IDLE
        head = waiting[0]
        best = min(fitting(head, machines), key=lambda one: (free(one, now) + seconds(head, one, costs), one.id))
        if best.idle:
            return Pick(head, best, "the first in line, where it is done soonest")
        for group in waiting[1:]:
            idle = [one for one in fitting(group, machines) if one.idle and one.id != best.id]
            if idle:
                return Pick(group, min(idle, key=lambda one: (seconds(group, one, costs), one.id)), "filled in")
        others = [one for one in fitting(head, machines) if one.idle]
        if others:
            return Pick(head, min(others, key=lambda one: (seconds(head, one, costs), one.id)), "the first in line")
        return IDLE

    return choose


def fifo() -> Choose:
    return first_in_first_out


def lots() -> Choose:
    return pick


PEERS: dict[str, Callable[[], Choose]] = {
    "first-in-first-out with lanes": fifo,
    "least-loaded (ComfyUI-Distributed)": least_loaded,
    "model pressure (SwarmUI)": model_pressure,
    "EASY backfill (Slurm)": easy_backfill,
}
