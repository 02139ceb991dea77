"""Variants of a prompt against dynamicprompts, and against joining strings, which nothing can be faster than.

    python tests/bench/bench_prompts.py [--json]

Both programs have the same template and the same lists. dynamicprompts counts by making all there are; a million take
it five minutes, so it makes fewer here.
Rounds are interleaved; medians count. No test asserts a time.
"""

import logging
import statistics
import sys
import tempfile
import warnings
from itertools import islice, product
from pathlib import Path

from measure import Goal, Line, compared, finish, interleaved, seconds

from daemon.prompting.variation.tables import Value, WordTables
from daemon.prompting.variation.variants import Asked, Space

ROUNDS = 3
PLANNED = 10_000
LISTS = {f"list{number}": [f"value {value} of list {number}" for value in range(100)] for number in range(3)}
TEMPLATE = "an old __list0__, {red|blue|green|white} __list1__, soft light, (detailed:1.2), [a|b], __list2__"
MILLION = "__list0__ and __list1__ and __list2__"
LONG = " ".join(["__list0__"] * 15)


def tables() -> WordTables:
    return WordTables({name: [Value(text) for text in texts] for name, texts in LISTS.items()})


def space(template: str, **asked: object) -> Space:
    return Space(template, "blurry", tables=TABLES, slots={}, asked=Asked(salt="p", **asked))  # type: ignore[arg-type]


def take(made: Space, most: int) -> int:
    return sum(1 for _ in made.take(most))


TABLES = tables()


def planning(folder: Path) -> list[Line]:
    from dynamicprompts.generators import CombinatorialPromptGenerator, RandomPromptGenerator
    from dynamicprompts.wildcards import WildcardManager

    for name, texts in LISTS.items():
        (folder / f"{name}.txt").write_text("\n".join(texts))
    lists = WildcardManager(folder)
    every, drawn = CombinatorialPromptGenerator(lists), RandomPromptGenerator(lists, seed=7)
    values = [LISTS["list0"], ["red", "blue", "green", "white"], LISTS["list1"], LISTS["list2"]]

    def joined() -> None:
        for first, colour, second, third in islice(product(*values), PLANNED):
            "".join(("an old ", first, ", ", colour, " ", second, ", soft light, (detailed:1.2), [a|b], ", third))

    found = interleaved(ROUNDS, {
        "first": lambda: PLANNED / seconds(lambda: sum(1 for _ in islice(space(TEMPLATE).take(), PLANNED))),
        "even": lambda: PLANNED / seconds(lambda: take(space(TEMPLATE, seed=7), PLANNED)),
        "huge": lambda: PLANNED / seconds(lambda: take(space(LONG, seed=7), PLANNED)),
        "drawn": lambda: PLANNED / seconds(lambda: take(space(TEMPLATE, mode="random", variants=PLANNED), PLANNED)),
        "their first": lambda: PLANNED / seconds(lambda: every.generate(TEMPLATE, max_prompts=PLANNED)),
        "their drawn": lambda: PLANNED / seconds(lambda: drawn.generate(TEMPLATE, num_images=PLANNED)),
        "joined": lambda: PLANNED / seconds(joined),
    })  # fmt: skip
    return [
        compared(f"the first {PLANNED:,} of 4,000,000", "/s", found["first"], "dynamicprompts", found["their first"],
                 Goal("ratio", least=0.5)),
        compared(f"{PLANNED:,} spread evenly over 4,000,000", "/s", found["even"], "their first", found["their first"],
                 Goal("ratio", least=0.5)),
        compared(f"{PLANNED:,} drawn by streams of their own", "/s", found["drawn"], "dynamicprompts, one stream",
                 found["their drawn"], Goal("ratio", least=0.5)),
        compared("the first, every place told", "/s", found["first"], "strings joined", found["joined"], None),
        Line(what=f"{PLANNED:,} spread evenly over 10^30", value=statistics.median(found["huge"]), unit="/s"),
    ]  # fmt: skip


def counting(folder: Path) -> list[Line]:
    from dynamicprompts.generators import CombinatorialPromptGenerator
    from dynamicprompts.wildcards import WildcardManager

    every = CombinatorialPromptGenerator(WildcardManager(folder))

    def counted(template: str, total: int) -> None:
        assert space(template).total == total

    def made() -> None:
        assert len(every.generate(MILLION, max_prompts=PLANNED)) == PLANNED

    mine = [seconds(lambda: counted(MILLION, 1_000_000)) * 1e3 for _ in range(ROUNDS)]
    theirs = [seconds(made) * 1e3 for _ in range(ROUNDS)]
    huge = [seconds(lambda: counted(LONG, 100**15)) * 1e3 for _ in range(ROUNDS)]
    return [
        compared(
            "1,000,000 counted",
            "ms",
            mine,
            f"dynamicprompts makes {PLANNED:,} of them",
            theirs,
            Goal("ratio", most=0.01),
        ),
        Line(what="10^30 counted", value=statistics.median(huge), unit="ms"),
    ]


def reading() -> list[Line]:
    """Packs as they are: many prompts, each with a template of its own; and one very long list."""
    prompts = [f"prompt {number} of __list0__ in {{a{number}|b}} light, [[weather]]" for number in range(1000)]
    slots = {"weather": ["fog", "rain"]}
    long = WordTables({"long": [Value(f"value {number}") for number in range(50_000)]})

    def pack() -> None:
        for number, prompt in enumerate(prompts):
            next(Space(prompt, "blurry", tables=TABLES, slots=slots, asked=Asked("random", number)).take())

    def plain() -> None:
        for number in range(PLANNED):
            next(Space(f"plain prompt {number}", "blurry", tables=TABLES, slots=slots).take())

    def once() -> None:
        next(Space("__long__", tables=long, slots={}, asked=Asked("random")).take())

    once()
    return [
        Line(what="prompts with a template of their own, one variant each", value=1000 / seconds(pack), unit="/s"),
        Line(what="prompts without a place to vary", value=PLANNED / seconds(plain), unit="/s"),
        Line(
            what="one of 50,000 values, the list read before",
            value=statistics.median(seconds(once) * 1e3 for _ in range(9)),
            unit="ms",
        ),
    ]


def main() -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        lines = [*planning(Path(folder)), *counting(Path(folder)), *reading()]
    finish(lines, sys.argv[1:])


if __name__ == "__main__":
    main()
