"""What every suite shares: some suites stay out unless asked for by their marker, and a sample rotates by the day.

What a test measures it records as a property `seconds: WHAT`; the end of the run tells each with its 95th percentile.
"""

import asyncio
import datetime
import gc
import os
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `checker`, which reads every log that a test leaves behind

MEASURED = "seconds: "

ASKED_FOR = ("long", "slow", "fleet", "servers")
"""Suites that run by their marker only."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sample", type=int, default=0, help="run only this many of the selected tests, others each day")


def pytest_configure(config: pytest.Config) -> None:
    """pytest-asyncio makes a loop only to put it back after its first test, and never closes it: give it one.

    No daemon of a test looks at the network, unless the test says so. Properties meet the same examples every time,
    so that a change is judged by what it changes; the long suite and `--hypothesis-profile search` look for new ones.
    """
    hypothesis.settings.register_profile("same", derandomize=True)
    hypothesis.settings.register_profile("search", derandomize=False, print_blob=True)
    if not config.getoption("--hypothesis-profile"):
        searching = "long" in config.option.markexpr and "not long" not in config.option.markexpr
        hypothesis.settings.load_profile("search" if searching else "same")
    os.environ.setdefault("STABLENEW_FLEET__DISCOVER", "false")
    os.nice = lambda more: 0  # verbs that step back are children of their own; here they would hold up a whole worker
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the daemon loads numpy (`daemon.algebra`)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    config.add_cleanup(loop.close)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.markexpr and not any("::" in argument for argument in config.args):
        _keep(config, items, [item for item in items if not any(map(item.get_closest_marker, ASKED_FOR))])
    if sample := config.getoption("sample"):
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        chosen = set(random.Random(today).sample([item.nodeid for item in items], min(sample, len(items))))
        _keep(config, items, [item for item in items if item.nodeid in chosen])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Behind all that a test opened: no log that it made breaks a rule, unless the test is there to damage it."""
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    yield
    if folder is not None and item.get_closest_marker("damages") is None:
        from checker.after import findings_below

        if found := findings_below(folder):
            told = "\n".join(found[:10])
            pytest.fail(f"the checker of logs finds (a test that damages its log is marked `damages`):\n{told}", False)


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: collections of garbage need not look through them each time."""
    gc.collect()
    gc.freeze()


def _keep(config: pytest.Config, items: list[pytest.Item], kept: list[pytest.Item]) -> None:
    dropped = [item for item in items if item not in kept]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Of all workers together; also in `.pytest_cache/v/measured/seconds`."""
    found: dict[str, list[float]] = defaultdict(list)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                for name, value in report.user_properties:
                    if name.startswith(MEASURED):
                        found[name.removeprefix(MEASURED)].append(float(value))
    if not found:
        return
    terminalreporter.section("measured, in seconds")
    for what, values in sorted(found.items()):
        values.sort()
        late = values[min(len(values) - 1, int(0.95 * len(values)))]
        middle = statistics.median(values)
        terminalreporter.line(
            f"{what}: {len(values)} times, median {middle:.2f}, p95 {late:.2f}, slowest {values[-1]:.2f}"
        )
    if (cache := getattr(config, "cache", None)) is not None:
        cache.set("measured/seconds", found)
