"""First in, first out, with a live lane before the batch lane: a queue without a scheduler. For comparison."""

from collections.abc import Sequence

from daemon.scheduling.groups import Costs, Group, Machine, Options, Pick, Wait


def first_in_first_out(
    groups: Sequence[Group], machines: Sequence[Machine], costs: Costs, now: float, options: Options
) -> Pick | Wait:
    """The first stage that an idle machine can run, on the one of those that has it done first."""
    for group in sorted((group for group in groups if group.ready), key=_turn):
        able = [machine for at, machine in enumerate(machines) if group.able >> at & 1 and machine.idle]
        if able:
            best = min(able, key=lambda machine: (_seconds(group, machine, costs), machine.id))
            lane = "interactive" if group.live else "batch"
            return Pick(group, best, f"next in the {lane} lane; {best.name} is the fastest idle {options.word} for it")
    return Wait(None, {machine.id: "nothing that waits may run here now" for machine in machines if machine.idle}, {})


def _turn(group: Group) -> tuple[bool, tuple[int, int, float], float, bool, int, str]:
    return (not group.live, group.before, group.arrived, not group.started, len(group.job), group.job)


def _seconds(group: Group, machine: Machine, costs: Costs) -> float:
    return costs.move(group, machine) + costs.swap(group, machine) + costs.execute(group, machine)
