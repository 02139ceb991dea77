"""Forecasts in words: times on the wall, spans, whether a deadline is met."""

from math import erf, sqrt

from daemon.core.outlook import Outlook, RunWish, Z
from daemon.scheduling import windows

DAY = 86_400.0


def told(outlook: Outlook, run: RunWish, soonest: float, at: float, latest: float) -> str:
    """`Done by 04:51, between 04:20 and 05:32 with four chances in five; in time for 07:00 almost surely.`"""
    words = f"Done by {clock(outlook, at)}"
    if latest - soonest >= 60.0:
        words += f", between {clock(outlook, soonest)} and {clock(outlook, latest)} with four chances in five"
    if run.spec.window is not None:
        words += f"; its stages begin between {windows.between(run.spec.window)} only"
    if run.spec.deadline is None:
        return f"{words}."
    sure = chance(run.spec.deadline - at, (latest - at) / Z)
    verdict = "in time" if at <= run.spec.deadline else f"{span(at - run.spec.deadline)} too late"
    return f"{words}; {verdict} for {clock(outlook, run.spec.deadline)} ({_sure(sure)})."


def chance(margin: float, deviation: float) -> float:
    """That it ends within a margin of seconds beyond its middle."""
    return 0.5 * (1.0 + erf(margin / max(deviation, 1.0) / sqrt(2.0)))


def clock(outlook: Outlook, at: float) -> str:
    """`04:51`; `on 2026-11-22 at 04:51` of another day than today and the next twelve hours."""
    wall, today = at + outlook.utc_offset(at), outlook.now + outlook.utc_offset(outlook.now)
    minutes = int(wall % DAY // 60)
    time = f"{minutes // 60:02}:{minutes % 60:02}"
    days = int(wall // DAY) - int(today // DAY)
    if days == 0 or (days == 1 and at - outlook.now < DAY / 2):
        return time
    return f"{time} tomorrow" if days == 1 else f"{time} in {days} days"


def span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _sure(chance: float) -> str:
    if chance > 0.97:
        return "almost surely"
    if chance > 0.8:
        return "very likely"
    if chance > 0.6:
        return "likely"
    if chance > 0.4:
        return "even chances"
    return "unlikely" if chance > 0.1 else "hardly possible"
