"""What stages cost is learned: per node, kind and family, over megapixels and steps, with an interval that holds."""

import statistics
from collections.abc import Callable
from random import Random

import pytest

from daemon.core.costs import (
    LOAD_S,
    MOVE_S,
    base_seconds,
    foretell,
    learn_from,
    learn_shortage,
    load_seconds,
    move_seconds,
    need_gb,
    speed_of,
)
from daemon.core.state import Brief, Node, State, canonical, revive
from daemon.scheduling.costs import KEPT
from daemon.scheduling.families import family_of
from schema import events as e
from schema.observations import Attempt
from schema.plans import JobSpec, Measures, RunSpec, StageStep

SPEC = RunSpec(name="r", base="b" * 64, plan_hash="p", seed=1, jobs=1)
SIZES = ((0.25, 20), (0.5, 25), (1.0, 20), (1.0, 30), (1.0, 50), (1.5, 30), (2.0, 40))
Noise = Callable[[Random], float]


def step(kind: str = "txt2img", megapixels: float = 1.0, steps: int = 30, model: str | None = "sdxl-base") -> StageStep:
    return StageStep(id=kind, kind=kind, model=model, megapixels=megapixels, steps=steps)


def fleet(**speeds: float) -> State:
    """Nodes with their hints."""
    state = State()
    for name, speed in speeds.items():
        state.nodes[name] = Node(id=name, name=name, instance="i", speed=speed, vram_gb=8.0)
    return state


def finish(state: State, node: str, what: StageStep, before: str | None = None, *, reduced=False, **measured) -> None:
    attempt = Attempt(job="r.1", stage=what.id, token=1, node=node)
    brief = Brief(attempt=attempt, run="r", run_spec=SPEC, job_spec=JobSpec(name="j"), step=what, reduced=reduced)
    event = e.StageFinished(
        job="r.1", stage=what.id, token=1, node=node, backend="webui", measures=Measures(**measured)
    )
    learn_from(state, brief, event, before)


def run_out(state: State, node: str, what: StageStep, *, reduced=False) -> None:
    attempt = Attempt(job="r.1", stage=what.id, token=1, node=node)
    brief = Brief(attempt=attempt, run="r", run_spec=SPEC, job_spec=JobSpec(name="j"), step=what, reduced=reduced)
    learn_shortage(state, brief)


# Seconds ----------------------------------------------------------------------------------------


def test_nothing_is_foretold_of_a_kind_that_nobody_has_run():
    state = fleet(a=1.0)
    finish(state, "a", step(), executed_s=10.0)
    assert foretell(state, state.nodes["a"], step("upscale")) is None
    assert base_seconds(state, step("upscale")) is None


def test_the_first_measurement_counts_whole():
    state = fleet(a=1.0)
    finish(state, "a", step(), executed_s=10.0)
    told = foretell(state, state.nodes["a"], step())
    assert told.seconds == pytest.approx(10.0, rel=0.01)
    assert told.low < 8.0 < 12.0 < told.high


def test_twice_the_steps_take_twice_as_long_until_measured_otherwise():
    state = fleet(a=1.0)
    finish(state, "a", step(steps=20), executed_s=10.0)
    assert foretell(state, state.nodes["a"], step(steps=40)).seconds == pytest.approx(20.0, rel=0.01)


def test_a_fixed_part_is_found_out():
    """Given 3 s that every stage takes, whatever its size, then small stages are not foretold too short."""
    state, draw = fleet(a=1.0), Random(1)
    for _ in range(60):
        megapixels, steps = draw.choice(SIZES)
        finish(state, "a", step(megapixels=megapixels, steps=steps), executed_s=3.0 + 0.3 * megapixels * steps)
    for megapixels, steps in SIZES:
        told = foretell(state, state.nodes["a"], step(megapixels=megapixels, steps=steps))
        assert told.seconds == pytest.approx(3.0 + 0.3 * megapixels * steps, rel=0.04)


def test_a_new_node_is_foretold_from_the_fleet_and_its_hint():
    state = fleet(old=2.0, new=1.0)
    for _ in range(8):
        finish(state, "old", step(), executed_s=10.0)
    assert foretell(state, state.nodes["new"], step()).seconds == pytest.approx(20.0, rel=0.05)


def test_one_kind_tells_a_nodes_speed_for_the_others():
    """Given a new node whose hint is far off, then its first stages of one kind correct what is foretold of another."""
    state = fleet(old=1.0, new=4.0)
    for _ in range(10):
        finish(state, "old", step(), executed_s=10.0)
        finish(state, "old", step("upscale", steps=1, model=None), executed_s=6.0)
    for _ in range(10):
        finish(state, "new", step(), executed_s=5.0)
    assert speed_of(state, state.nodes["new"]) == pytest.approx(2.0, rel=0.1)
    assert foretell(state, state.nodes["new"], step("upscale", steps=1, model=None)).seconds == pytest.approx(
        3.0, rel=0.15
    )


def test_families_are_learned_apart_and_an_unknown_one_from_its_kind():
    state = fleet(a=1.0)
    for _ in range(6):
        finish(state, "a", step(model="sdxl-base"), executed_s=10.0)
        finish(state, "a", step(model="v1-5-pruned"), executed_s=2.0)
    assert foretell(state, state.nodes["a"], step(model="juggernautXL_v9")).seconds == pytest.approx(10.0, rel=0.02)
    assert foretell(state, state.nodes["a"], step(model="dreamshaper_8")).seconds == pytest.approx(2.0, rel=0.02)
    assert 1.9 < foretell(state, state.nodes["a"], step(model="somebodys")).seconds < 10.1


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("sd_xl_base_1.0.safetensors", "sdxl"),
        ("models/ponyDiffusionV6XL.safetensors", "sdxl"),
        ("v1-5-pruned-emaonly.ckpt", "sd15"),
        ("flux1-dev-fp8.safetensors", "flux"),
        ("sd3.5_large.safetensors", "sd3"),
        ("sd15-3", "sd15"),
        ("my own mix.safetensors", "my own mix"),
        (None, "any"),
    ],
)
def test_a_family_is_read_from_the_name(name, family):
    assert family_of(name) == family


def test_a_node_that_grows_slow_is_followed_within_ten_stages():
    state = fleet(a=1.0)
    for _ in range(30):
        finish(state, "a", step(), executed_s=10.0)
    for _ in range(10):
        finish(state, "a", step(), executed_s=20.0)
    assert foretell(state, state.nodes["a"], step()).seconds == pytest.approx(20.0, rel=0.1)


def test_one_stage_that_hung_does_not_spoil_what_is_known():
    state = fleet(a=1.0)
    for _ in range(20):
        finish(state, "a", step(), executed_s=10.0)
    finish(state, "a", step(), executed_s=3600.0)
    assert foretell(state, state.nodes["a"], step()).seconds < 16.0


def even(spread: float) -> Noise:
    return lambda draw: max(0.3, draw.gauss(1.0, spread))


def tailed(draw: Random) -> float:
    """Now and then something else runs on the machine."""
    return draw.lognormvariate(0.0, 0.1) * (draw.uniform(1.3, 2.5) if draw.random() < 0.08 else 1.0)


@pytest.mark.parametrize(
    "noise", [even(0.15), even(0.05), tailed], ids=["15 percent", "5 percent", "with a tail"]
)  # fmt: skip
def test_four_of_five_stages_end_within_their_interval(noise: Noise):
    """Simulated nights: eight nodes with hints wrong by up to 1.5, a fixed part of their own, all sizes mixed."""
    inside, errors = [], []
    for seed in range(12):
        night = Night(Random(f"night {seed}"), noise)
        for _ in range(320):
            told, really = night.next()
            if told is not None:
                inside.append(told.low <= really <= told.high)
                errors.append(abs(told.seconds - really) / really)
    assert len(inside) > 3000
    assert 0.75 <= statistics.mean(inside) <= 0.88, statistics.mean(inside)
    assert statistics.median(errors) < 0.15


def test_also_the_first_stages_of_a_night_end_within_their_interval():
    inside = []
    for seed in range(60):
        night = Night(Random(f"first {seed}"), even(0.15))
        for _ in range(40):
            told, really = night.next()
            if told is not None:
                inside.append(told.low <= really <= told.high)
    assert 0.75 <= statistics.mean(inside) <= 0.92, statistics.mean(inside)


class Night:
    """A fleet at work whose true costs nobody knows."""

    def __init__(self, draw: Random, noise: Noise) -> None:
        self.draw, self.noise = draw, noise
        true = {f"n{number}": draw.choice((1.0, 1.5, 2.0, 4.0, 6.0)) for number in range(8)}
        self.state = fleet(**{name: speed * 1.5 ** draw.uniform(-1, 1) for name, speed in true.items()})
        self.speeds = true
        self.fixed = {name: draw.uniform(0.3, 3.0) for name in true}
        self.pace = {"sdxl-base": 0.33, "v1-5": 0.1, "flux1-dev": 0.9}

    def next(self):
        """What was foretold of a stage, and what it took."""
        draw = self.draw
        name = draw.choice(list(self.speeds))
        model = draw.choices(list(self.pace), (5, 3, 1))[0]
        megapixels, steps = draw.choice(SIZES)
        what = step("txt2img", megapixels, steps, model)
        if draw.random() < 0.25:
            what = step("upscale", draw.choice((2.0, 4.0)), 0, None)
        pace = 1.5 if what.kind == "upscale" else self.pace[model]
        clean = self.fixed[name] + pace * what.megapixels * max(what.steps, 1)
        really = clean / self.speeds[name] * self.noise(draw)
        told = foretell(self.state, self.state.nodes[name], what)
        finish(self.state, name, what, executed_s=really)
        return told, really


def test_what_is_foretold_hangs_on_the_last_measurements_alone():
    """Given one that was asked after each stage, and one that kept the same measurements and is asked now."""
    night = Night(Random("asked"), even(0.15))
    for number in range(300):
        night.next()
        if number % 20 == 0:
            fresh = revive(canonical(night.state))
            for name in night.speeds:
                for what in (step(), step(model="flux1-dev", steps=9), step("upscale", 2.0, 0, None), step("img2img")):
                    told = foretell(night.state, night.state.nodes[name], what)
                    assert foretell(fresh, fresh.nodes[name], what) == told
    assert all(len(rows) <= KEPT for node in night.state.nodes.values() for rows in node.costs.values())


# Loading and moving -----------------------------------------------------------------------------


def test_loading_is_learned_per_model_and_node_and_guessed_from_what_is_nearest():
    state = fleet(a=1.0, b=1.0)
    assert load_seconds(state, state.nodes["a"], "sdxl-base") == LOAD_S
    finish(state, "a", step(), executed_s=10.0, loaded_s=6.0)
    assert load_seconds(state, state.nodes["a"], "sdxl-base") == 6.0
    assert load_seconds(state, state.nodes["b"], "sdxl-base") == 6.0
    finish(state, "b", step(model="flux1"), executed_s=10.0, loaded_s=20.0)
    assert load_seconds(state, state.nodes["b"], "sdxl-base") == 20.0


def test_a_resident_model_teaches_nothing_of_loading():
    state = fleet(a=1.0)
    finish(state, "a", step(), executed_s=10.0, loaded_s=6.0)
    finish(state, "a", step(), executed_s=10.0, loaded_s=0.0)
    assert load_seconds(state, state.nodes["a"], "sdxl-base") == 6.0


def test_only_so_many_models_are_remembered():
    state = fleet(a=1.0)
    for number in range(100):
        finish(state, "a", step(model=f"model {number}"), executed_s=10.0, loaded_s=6.0)
    assert len(state.nodes["a"].loads) == 64
    assert "model 99" in state.nodes["a"].loads


def test_moving_is_what_a_picture_from_elsewhere_takes_longer():
    state = fleet(a=1.0, b=1.0)
    assert move_seconds(state.nodes["a"]) == MOVE_S
    finish(state, "a", step("upscale"), before="a", executed_s=1.0, moved_s=0.4)
    finish(state, "a", step("upscale"), before="b", executed_s=1.0, moved_s=1.4)
    assert move_seconds(state.nodes["a"]) == pytest.approx(1.0)


# Memory -----------------------------------------------------------------------------------------


def test_memory_is_learned_from_what_it_took():
    state = fleet(a=1.0)
    assert need_gb(state, step()) == 0.0
    finish(state, "a", step(), executed_s=1.0, peak_vram_gb=6.0)
    assert need_gb(state, step()) == pytest.approx(6.3)
    assert need_gb(state, step(megapixels=4.0)) == 0.0


def test_running_out_is_a_floor_for_that_size_and_larger_ones_until_it_goes_well_there():
    state = fleet(a=1.0)
    run_out(state, "a", step(megapixels=4.0))
    assert need_gb(state, step(megapixels=4.0)) == pytest.approx(8.1)
    assert need_gb(state, step(megapixels=8.0)) == pytest.approx(8.1)
    assert need_gb(state, step(megapixels=1.0)) == 0.0
    finish(state, "a", step(megapixels=4.0), executed_s=1.0, peak_vram_gb=7.0)
    assert need_gb(state, step(megapixels=4.0)) <= 8.0


def test_a_reduced_profile_proves_nothing_of_full_quality():
    state = fleet(a=1.0)
    run_out(state, "a", step(megapixels=4.0))
    finish(state, "a", step(megapixels=4.0), executed_s=1.0, reduced=True)
    assert need_gb(state, step(megapixels=4.0)) == pytest.approx(8.1)
    run_out(state, "a", step(megapixels=2.0), reduced=True)
    assert need_gb(state, step(megapixels=2.0)) == 0.0


def test_what_went_well_on_a_small_node_needs_no_more_than_that():
    """A large card's program takes what it can get."""
    state = fleet(a=1.0, large=1.0)
    state.nodes["large"].vram_gb = 24.0
    finish(state, "large", step(), executed_s=1.0, peak_vram_gb=15.0)
    assert need_gb(state, step()) == pytest.approx(15.75)
    finish(state, "a", step(), executed_s=1.0, peak_vram_gb=7.9)
    assert need_gb(state, step()) == 8.0


def test_what_was_learned_survives_a_snapshot_to_the_last_bit():
    state = fleet(a=1.0, b=1.3)
    draw = Random(3)
    for number in range(80):
        megapixels, steps = draw.choice(SIZES)
        finish(
            state, draw.choice("ab"), step(megapixels=megapixels, steps=steps, model=f"m{number % 70}"), "a",
            executed_s=draw.uniform(1, 9), loaded_s=draw.uniform(1, 9), moved_s=0.3, peak_vram_gb=5.0,
        )  # fmt: skip
        foretell(state, state.nodes["a"], step())
        if number == 40:
            state = revive(canonical(state))
    again = revive(canonical(state))
    for one in (state, again):
        finish(one, "a", step(), "b", executed_s=4.0, loaded_s=3.0, moved_s=0.7)
    for what in (step(), step(model="m3"), step(model="never")):
        for name in "ab":
            assert foretell(again, again.nodes[name], what) == foretell(state, state.nodes[name], what)
            assert speed_of(again, again.nodes[name]) == speed_of(state, state.nodes[name])
    assert load_seconds(again, again.nodes["b"], "never") == load_seconds(state, state.nodes["b"], "never")
    assert canonical(again) == canonical(state)
