"""The policy on plain values: which stage begins next and where, or why a machine is left idle."""

from itertools import count
from random import Random

import pytest

from daemon.scheduling.policy import Group, Lot, Machine, Options, Pick, Wait, pick

NUMBERS = count()


class Costs:
    """As docs of traces say: work by speed, ten seconds for another checkpoint, a second for another machine."""

    def __init__(self, load: float = 10.0, move: float = 1.0) -> None:
        self.load, self.moving = load, move

    def execute(self, group: Group, machine: Machine) -> float:
        return group.work / machine.speed

    def swap(self, group: Group, machine: Machine) -> float:
        return 0.0 if group.lot.model is None or group.lot.model in machine.models else self.load

    def move(self, group: Group, machine: Machine) -> float:
        return 0.0 if group.previous in (None, machine.id) else self.moving


def machine(
    name: str, *, vram: float = 24.0, speed: float = 1.0, free_at: float | None = None, model: str = ""
) -> Machine:
    models = frozenset({model}) if model else frozenset()
    return Machine(name, name, vram, speed, free_at is None, free_at or 0.0, models)  # type: ignore[arg-type]


def group(
    machines: list[Machine], model: str | None = "a", *, vram: float = 8.0, work: float = 20.0, n: int = 100, **more
) -> Group:
    able = sum(1 << at for at, one in enumerate(machines) if one.vram_gb >= vram)
    name = more.pop("id", None) or f"g{next(NUMBERS):04}"
    values = {"able": able, "ready": n, "seconds": n * work, **more}
    return Group(id=name, job=f"{name}.1", stage="paint", kind="txt2img", lot=Lot(model, vram), work=work, **values)  # type: ignore[arg-type]


def chosen(groups, machines, now=0.0, costs=None, **options) -> Pick:
    found = pick(groups, machines, costs or Costs(), now, Options(**options))
    assert isinstance(found, Pick), found
    return found


def waits(groups, machines, now=0.0, costs=None, **options) -> Wait:
    found = pick(groups, machines, costs or Costs(), now, Options(**options))
    assert isinstance(found, Wait), found
    return found


# Batch -------------------------------------------------------------------------------------------


def test_the_checkpoint_that_is_loaded_comes_first_and_the_reason_says_so():
    machines = [machine("n1", free_at=50.0), machine("n2", vram=6, free_at=9.0), machine("n3", model="sdxl-1")]
    big, other = group(machines, "sdxl-1", vram=12.0), group(machines, "sdxl-2", n=500)

    found = chosen([big, other], machines)

    assert (found.group, found.machine.id) == (big, "n3")
    assert found.why == "n3 already holds sdxl-1; only 2 of 3 nodes fit 12 GB; next best n1 +60.0 s"


def test_heavier_stages_go_to_more_memory_and_small_ones_to_the_others():
    machines = [machine("big", vram=24.0, speed=2.0, model="small"), machine("little", vram=8.0, model="large")]
    heavy, light = group(machines, "large", vram=16.0, n=300), group(machines, "small", vram=6.0)

    first = chosen([light, heavy], machines)
    assert (first.group, first.machine.id) == (heavy, "big"), "although it holds the checkpoint of the light ones"
    assert "only 1 of 2 nodes fit 16 GB" in first.why
    busy = [machines[0]._replace(idle=False, free_at=20.0), machines[1]]
    second = chosen([light, heavy], busy)
    assert (second.group, second.machine.id) == (light, "little")


def test_a_big_machine_is_filled_with_small_work_while_nothing_big_waits():
    machines = [machine("big", vram=48.0), machine("little", vram=8.0, free_at=30.0)]
    light = group(machines, vram=6.0)

    assert chosen([light], machines).machine.id == "big"


def test_a_lot_is_left_to_those_that_hold_it_until_another_one_pays_for_its_loading():
    machines = [machine("n1", free_at=5.0, model="a"), machine("n2", model="c")]
    nearly_done, waiting = group(machines, "a", n=20), group(machines, "b", n=40)

    found = chosen([nearly_done, waiting], machines)

    assert found.group == waiting
    assert "b" in found.why


def test_packs_of_a_lot_take_turns_the_one_served_longest_ago_first():
    machines = [machine("n1", model="a")]
    one, two, three = (group(machines, pack=pack) for pack in ("one", "two", "three"))
    served = {"one": 5.0, "two": 3.0, "three": 4.0}

    assert chosen([one, two, three], machines, 10.0, served=served).group == two


def test_started_jobs_go_on_before_new_ones():
    machines = [machine("n1", model="a")]
    new, begun = group(machines, pack="p"), group(machines, pack="p", started=True, previous="n1", id="z")

    found = chosen([new, begun], machines)

    assert found.group == begun
    assert found.why.startswith("goes on with a started job; n1 already holds a")


def test_a_pack_that_got_nothing_for_long_comes_first():
    machines = [machine("n1", model="a")]
    held = group(machines, "a", pack="fed", served=990.0)
    starved = group(machines, "b", pack="knights", n=2)

    assert chosen([held, starved], machines, 900.0).group == held
    found = chosen([held, starved], machines, 960.0)
    assert found.group == starved
    assert found.why.startswith("knights got nothing for 16 min")


def test_a_pack_has_its_first_picture_by_about_half_of_the_time():
    machines = [machine("n1", model="a")]
    held, unseen = group(machines, "a", pack="fed", served=390.0, n=30), group(machines, "b", pack="knights", n=5)

    assert chosen([held, unseen], machines, 400.0).group == held, "700 s are left"
    found = chosen([held, unseen], machines, 600.0)
    assert found.group == unseen
    assert found.why.startswith("knights has no picture yet, and nearly half the time has passed")
    dear = Costs(load=60.0)
    assert chosen([held, unseen], machines, 600.0, dear).group == held, "not at any price"


def test_a_lot_is_left_early_for_one_that_is_short_of_machines_where_the_others_suffice():
    machines = [machine("n1", model="a", speed=2.0), *(machine(f"n{n}", model="a", free_at=5.0) for n in range(2, 5))]
    enough, short = group(machines, "a", n=50), group(machines, "b", n=80)

    assert chosen([enough, short], machines).group == short, "loaded once and early, not by everybody at the end"
    assert chosen([enough, short._replace(ready=5, seconds=100.0)], machines).group == enough
    assert chosen([enough._replace(ready=400, seconds=8_000.0), short], machines).group.lot == enough.lot


def test_what_a_person_put_in_order_comes_before_what_the_policy_prefers():
    machines = [machine("n1", model="a")]
    held = group(machines, "a", n=50)
    ranked = group(machines, "b", n=50, before=(-1, 0, 0.0))
    moved, later = group(machines, "c", n=50, before=(0, -1, 3.0)), group(machines, "a", n=50, before=(0, 1, 9.0))

    assert chosen([later, held, moved, ranked], machines).group == ranked
    assert chosen([later, held, moved], machines).group == moved
    assert chosen([later, held], machines).group == held
    assert chosen([later], machines).group == later


def test_a_deadline_that_leaves_no_more_time_comes_after_priority_and_before_all_else():
    machines = [machine("n1", model="a")]
    held, first = group(machines, "a"), group(machines, "c", before=(-1, 0, 0.0))
    due = group(machines, "b", n=10, deadline=1_000.0)

    assert chosen([held, due], machines, 0.0).group == held, "200 s of work, 1,000 s of time"
    pressing = chosen([held, due], machines, 800.0)
    assert pressing.group == due
    assert pressing.why.startswith("its deadline leaves no more time")
    assert chosen([held, due, first], machines, 800.0).group == first


def test_of_two_deadlines_the_earlier_is_served_and_both_count_together():
    machines = [machine("n1", model="a")]
    near, far = group(machines, "b", n=20, deadline=800.0), group(machines, "c", n=20, deadline=900.0)

    assert chosen([group(machines), far, near], machines, 0.0).group == near


def test_a_picture_stays_where_it_is_while_moving_it_costs_more_than_waiting():
    machines = [machine("n1", free_at=3.0, model="a"), machine("n2", model="a")]
    here = group(machines, "a", started=True, previous="n1", n=50)

    dear = waits([here], machines, costs=Costs(move=10.0))
    assert dear.idle["n2"] == "what waits goes on quicker where its pictures are"
    assert chosen([here], machines, costs=Costs(move=1.0)).machine.id == "n2"


def test_a_machine_that_failed_the_stage_is_asked_last():
    machines = [machine("n1", model="a", speed=4.0), machine("n2", model="a")]
    again = group(machines, "a", n=1, avoid=1, attempt=2)

    found = chosen([again], machines)
    assert found.machine.id == "n2"
    assert found.why.startswith("attempt 2")
    assert chosen([again._replace(able=1)], machines).machine.id == "n1", "there is no other"


def test_a_machine_is_left_idle_that_would_only_end_after_all_the_others():
    machines = [machine("n1", speed=4.0, free_at=1.0, model="a"), machine("n4", speed=0.5, model="a")]

    found = waits([group(machines, "a", n=2)], machines)

    assert found.idle == {"n4": "the fleet finishes all work before n4 could finish one stage (40.0 s vs 11.0 s)"}
    assert found.until is not None


def test_so_it_is_with_much_work_before_a_machine_that_is_much_slower():
    machines = [machine("n1", speed=10.0, free_at=1.0, model="a"), machine("n4", speed=0.05, model="a")]

    found = waits([group(machines, "a", n=50)], machines)

    assert found.idle["n4"] == "the fleet finishes all work before n4 could finish one stage (7 min vs 2 min)"
    assert chosen([group(machines, "a", n=500)], machines).machine.id == "n4"


@pytest.mark.parametrize("seed", range(20))
def test_with_nobody_at_work_somebody_always_begins(seed):
    draw = Random(seed)
    machines = [
        machine(
            f"n{n}", vram=draw.choice([6, 8, 12, 24]), speed=draw.uniform(0.5, 8), model=draw.choice(["", "a", "b"])
        )
        for n in range(draw.randint(1, 8))
    ]
    groups = [
        group(machines, draw.choice([None, "a", "b", "c"]), vram=draw.choice([4, 8, 12]), work=draw.uniform(1, 90),
              n=draw.randint(1, 30), started=draw.random() < 0.3, pack=f"p{n % 3}")
        for n in range(draw.randint(1, 12))
    ]  # fmt: skip
    groups = [one for one in groups if one.able]
    if groups:
        assert chosen(groups, machines) == chosen(list(groups), list(machines)), "and the same every time"


def test_the_order_in_which_groups_are_told_does_not_matter():
    machines = [machine("n1", model="a"), machine("n2", speed=3.0)]
    groups = [group(machines, model, pack=pack, n=30) for model in ("a", "b", None) for pack in ("p", "q")]
    first = chosen(groups, machines)
    for seed in range(10):
        Random(seed).shuffle(groups)
        assert chosen(groups, machines) == first


# The live lane -----------------------------------------------------------------------------------


def live(machines, model="a", **more) -> Group:
    return group(machines, model, n=1, live=True, **more)


def test_a_live_request_goes_before_all_batch_work():
    machines = [machine("n1", model="b")]

    found = chosen([group(machines, "b", before=(-9, 0, 0.0)), live(machines)], machines)

    assert found.group.live
    assert found.why.startswith("live: done soonest on n1 (30.0 s)")


def test_it_waits_for_the_busy_machine_that_has_it_done_first_and_reserves_it():
    machines = [machine("fast", speed=10.0, free_at=2.0, model="a"), machine("slow", model="a")]
    request, batch = live(machines, work=30.0), group(machines, "a")

    found = chosen([request, batch], machines)

    assert (found.group, found.machine.id) == (batch, "slow"), "the batch may have what the request does not want"
    alone = waits([request], machines)
    assert alone.reserved == {request.id: "fast"}
    assert alone.until == 2.0


def test_requests_come_in_turn_and_the_second_counts_with_the_first():
    machines = [machine("fast", speed=10.0, free_at=20.0, model="a"), machine("slow", speed=1.0, model="a")]
    first, second = live(machines, work=22.0, arrived=1.0), live(machines, work=22.0, arrived=2.0)

    assert chosen([second, first], machines).group == first, "22 s here, 22.2 s there"
    machines[0] = machines[0]._replace(free_at=10.0)
    found = chosen([second, first._replace(work=100.0)], machines)
    assert (found.group, found.machine.id) == (second, "slow"), "the first has reserved the fast one until 20 s"


def test_what_the_batch_would_have_to_load_again_counts():
    machines = [machine("n1", speed=2.0, model="b"), machine("n2", speed=1.5)]
    request, batch = live(machines, work=30.0), group(machines, "b")

    assert chosen([request], machines).machine.id == "n1"
    assert chosen([request, batch], machines).machine.id == "n2"


@pytest.mark.parametrize(
    ("mode", "model", "work", "taken"),
    [
        ("share", "b", 90.0, True),
        ("warm", "a", 15.0, True),
        ("warm", "a", 90.0, False),
        ("warm", "b", 5.0, False),
        ("free", "a", 5.0, False),
    ],
)
def test_the_mode_keeps_a_machine_for_the_live_lane(mode, model, work, taken):
    machines = [machine("n1", model="a")]
    batch = group(machines, model, work=work)

    found = pick([batch], machines, Costs(), 0.0, Options(mode=mode, kept="n1"))  # type: ignore[arg-type]

    assert isinstance(found, Pick) is taken
    if not taken:
        assert isinstance(found, Wait)
        assert found.idle["n1"] == f"it is kept for the interactive lane (mode {mode})"
