"""What an agent may say: bounds for its numbers, names and lists, so that no lie of it stays in the log.

The types are checked when a message is decoded; here is what types do not tell. Pure. A number that is not finite
could be written into the log and never be read again, and a text without end would be kept for ever.
"""

import math
import re
from collections.abc import Iterable, Mapping

import msgspec

from daemon.fleet.sightings import label
from schema.orders import Accepted, AgentNews, AttemptReport, Card, CardChanged, Ended, Preview, Result
from schema.plans import Measures, Scalar

LONGEST_TEXT = 64 * 1024
LONGEST_REASON = 2000
MOST_ENTRIES = 50_000
"""Of any list: the names of all models somebody may have."""

LARGEST_RESULT = 256 * 1024
"""Bytes of what a result tells beside its pictures."""

LARGEST_PICTURE = 64 << 20
LARGEST_PREVIEW = 2 << 20
LARGEST_NUMBER = 2**63 - 1
"""What the tables can hold."""

MOST_GB, MOST_SPEED, MOST_SECONDS = 100_000.0, 10_000.0, 1e8

_ID = re.compile(r"[A-Za-z0-9._-]{1,60}")
_KIND = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Unsound(ValueError):
    """No agent of ours says this."""


def sober_card(card: Card) -> Card:
    """With names fit to be shown. Raises Unsound."""
    _check(card, "its card")
    kinds = {kind for backend in card.backends for kind in (backend.kind, *backend.kinds)}
    if not _ID.fullmatch(card.node):
        raise Unsound("its card has an id that is none")
    if not all(_KIND.fullmatch(kind) for kind in kinds) or len(kinds) > 1000:
        raise Unsound("its card names a kind of stage or backend that is no name")
    memory = (card.vram_gb, card.ram_gb, *(gpu.vram_gb for gpu in card.gpus))
    if not all(0 <= gb <= MOST_GB for gb in memory) or not 0 < card.speed <= MOST_SPEED:
        raise Unsound("its card tells of a size or speed that no machine has")
    return msgspec.structs.replace(
        card,
        name=label(card.name) or card.node[:8],
        version=label(card.version),
        host=label(card.host),
        boot=label(card.boot),
        storage=label(card.storage),
    )


def sober_report(report: AttemptReport) -> AttemptReport:
    """One whose result is out of all bounds is told as an attempt that broke. Raises Unsound where nobody is named."""
    if not _ID.fullmatch(report.job) or not _ID.fullmatch(report.stage) or not 0 <= report.token <= LARGEST_NUMBER:
        raise Unsound("it reports an attempt whose name is none")
    report = msgspec.structs.replace(report, reason=report.reason[:LONGEST_REASON])
    if report.result is None:
        return report
    try:
        return msgspec.structs.replace(report, result=_sober_result(report.result))
    except Unsound as fault:
        reason = f"the agent's result is not sound: {fault}"
        return msgspec.structs.replace(report, state="broke", result=None, trouble="backend", reason=reason)


def sober_answer(answer: Accepted) -> Accepted:
    return msgspec.structs.replace(answer, reason=answer.reason[:LONGEST_REASON])


def sober_news(news: AgentNews) -> AgentNews | None:
    """None: nothing that must be heard. Raises Unsound for a card that is none."""
    match news:
        case CardChanged(card=card):
            return CardChanged(card=sober_card(card))
        case Preview(jpeg=jpeg) if len(jpeg) > LARGEST_PREVIEW:
            return None
        case _:
            try:
                if isinstance(news, Ended):
                    return Ended(report=sober_report(news.report))
                _check(news, "its news")
            except Unsound:
                return None
            return news


def _sober_result(result: Result) -> Result:
    for product in result.products:
        if not _SHA256.fullmatch(product.sha256):
            raise Unsound("a picture is not named by its hash")
        if not 0 < product.bytes <= LARGEST_PICTURE:
            raise Unsound(f"a picture is said to have {product.bytes} bytes")
    result = msgspec.structs.replace(
        result,
        effective=_finite(result.effective),
        reported=_finite(result.reported),
        measures=_sober_measures(result.measures),
        suspect=None if result.suspect is None else result.suspect[:LONGEST_REASON],
        filters=tuple(name[:LONGEST_REASON] for name in result.filters[:100]),
    )
    _check(result, "it")
    told = len(msgspec.msgpack.encode((result.effective, result.reported, result.backend)))
    if told > LARGEST_RESULT:
        raise Unsound(f"it tells {told} bytes beside its pictures, and {LARGEST_RESULT} are the most")
    return result


def _sober_measures(measures: Measures) -> Measures:
    """What cannot be true was not measured: costs are learned from these."""
    told = msgspec.structs.asdict(measures)
    return Measures(**{name: value if 0 <= value <= MOST_SECONDS else 0.0 for name, value in told.items()})


def _finite(values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """A backend may well report a score that is no number; JSON has no way to write one."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }


def _check(value: object, what: str) -> None:
    """Every number, text and list within. Raises Unsound."""
    match value:
        case str() | bytes():
            if len(value) > LONGEST_TEXT and not isinstance(value, bytes):
                raise Unsound(f"{what} holds a text of {len(value)} characters")
        case float():
            if not math.isfinite(value):
                raise Unsound(f"{what} holds a number that is none")
        case int():
            if abs(value) > LARGEST_NUMBER:
                raise Unsound(f"{what} holds a number of more than 63 bits")
        case msgspec.Struct():
            _check_all((getattr(value, name) for name in value.__struct_fields__), what)
        case dict():
            _few(len(value), what)
            _check_all(value, what)
            _check_all(value.values(), what)
        case tuple() | list():
            _few(len(value), what)
            _check_all(value, what)


def _check_all(values: Iterable[object], what: str) -> None:
    for value in values:
        _check(value, what)


def _few(count: int, what: str) -> None:
    if count > MOST_ENTRIES:
        raise Unsound(f"{what} holds a list of {count} entries")
