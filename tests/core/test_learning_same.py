"""What is told hangs on what was liked, and not on how it was written down: the same to the byte."""

import random
from collections.abc import Callable, Iterable

import msgspec

from daemon.learning.insights import insights
from daemon.learning.rows import rows_of
from schema.records import Record

SPACE = {
    "txt2img.steps": (12, 20, 28, 36),
    "txt2img.cfg_scale": (4.0, 6.5, 9.0),
    "txt2img.sampler": ("Euler", "DDIM", "Heun"),
    "style": ("plain", "ink"),
    "lora:frost": (0.0, 0.4, 0.8),
}


def liked(count: int = 150) -> list[Record]:
    """Two packs in turns, sittings of 30."""
    draw = random.Random(11)
    found = []
    for number in range(count):
        params = {name: draw.choice(levels) for name, levels in SPACE.items()}
        worth = 3.0 + 0.05 * (params["txt2img.steps"] - 24) + draw.gauss(0, 0.7)  # type: ignore[operator]
        found.append(
            Record(
                id=f"im{number}", at=f"2026-05-{1 + number // 30:02}T20:{number % 30:02}:00Z",
                session=f"evening {number // 30}", pack=("heath", "moor")[number % 2], prompt="a hut",
                seed=draw.randrange(12), run="r", params=params, stars=max(1, min(5, round(worth))), tags=(),
            )
        )  # fmt: skip
    return found


def told(records: Iterable[Record]) -> bytes:
    return msgspec.json.encode(insights(*rows_of(records)).packs)


def changed(change: Callable[[Record], Record]) -> bytes:
    return told(map(change, liked()))


def test_names_of_sittings_runs_and_pictures_and_numbers_of_seeds_change_no_byte() -> None:
    """They change in which order floats are added: that shows in the last digits, and in no draw either."""
    first = told(liked())
    assert b'"claims":[{' in first
    assert first == changed(lambda one: msgspec.structs.replace(one, session=f"{9 - int(one.session[-1])} o'clock"))
    assert first == changed(lambda one: msgspec.structs.replace(one, run="another"))
    assert first == changed(lambda one: msgspec.structs.replace(one, seed=(one.seed * 7 + 5) % 13))
    assert first == changed(lambda one: msgspec.structs.replace(one, id="9" + one.id[::-1]))


def test_the_order_in_which_settings_are_named_changes_no_byte() -> None:
    draw = random.Random(3)

    def mixed(one: Record) -> Record:
        return msgspec.structs.replace(one, params=dict(draw.sample(sorted(one.params.items()), len(one.params))))

    assert told(liked()) == changed(mixed)


def test_a_verdict_that_was_taken_again_leaves_no_trace() -> None:
    again = [msgspec.structs.replace(one, stars=6 - one.stars, at="2026-04-01T08:00:00Z") for one in liked()[:20]]
    lines = [*liked(), *again]
    random.Random(5).shuffle(lines)
    assert told(liked()) == told(lines)
