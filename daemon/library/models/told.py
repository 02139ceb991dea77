"""What one source says of a model, and what all of them together make of it. Pure."""

from collections.abc import Iterable, Sequence

from daemon.library.models.bases import base_of
from schema.models import Lack
from schema.plans import Plain

MOST_TITLE = 200
MOST_TAGS = 60
MOST_TRIGGERS = 40


class Told(Plain, frozen=True, kw_only=True):
    """One sidecar, or the header; what it does not say is empty."""

    kind: str
    file: str
    title: str = ""
    list: str = ""
    """Field of a card; empty: not told."""
    base: str = ""
    """In its writer's words."""
    triggers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    weight: float | None = None
    favourite: bool = False
    description: str = ""
    notes: str = ""
    negative: str = ""
    author: str = ""
    address: str = ""
    resolution: str = ""
    trained: tuple[tuple[str, int], ...] = ()
    sha256: str = ""
    thumbnail: bool = False
    """The header has a picture in it."""
    trouble: str = ""


class Summary(Plain, frozen=True, kw_only=True):
    """What lists show and choices are made by."""

    title: str = ""
    list: str = ""
    base: str = ""
    triggers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()
    """Most frequent words of its captions, at most 12."""
    weight: float | None = None
    favourite: bool = False
    described: bool = False
    sha256: str = ""
    """As a sidecar claims it; nobody has checked."""


def summary(told: Sequence[Told]) -> Summary:
    """Of sources in the order of their weight: a single value from the first that has one, tags from all."""
    return Summary(
        title=first(one.title for one in told)[:MOST_TITLE],
        list=first(one.list for one in told),
        base=base_of(first(one.base for one in told)),
        triggers=next((one.triggers for one in told if one.triggers), ())[:MOST_TRIGGERS],
        tags=merged(one.tags for one in told)[:MOST_TAGS],
        trained=tuple(word for word, _ in trained(told)[:12]),
        weight=next((one.weight for one in told if one.weight is not None and -10.0 <= one.weight <= 10.0), None),
        favourite=any(one.favourite for one in told),
        sha256=first(one.sha256 for one in told),
        described=any(one.description or one.notes for one in told),
    )


def lacking(said: Summary, list_: str, preview: bool) -> tuple[Lack, ...]:
    """What a person would want to know of a file of this list and nobody says."""
    wanted: dict[Lack, bool] = {}
    if list_ == "loras":
        wanted["triggers"] = bool(said.triggers)
    if list_ in ("loras", "models", "embeddings", "controls"):
        wanted["base"] = bool(said.base)
    if list_ in ("loras", "models", "embeddings"):
        wanted |= {"preview": preview, "description": said.described}
    return tuple(lack for lack, there in wanted.items() if not there)


def first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def merged(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Each word once, whatever its case, in the order in which it came."""
    found: dict[str, str] = {}
    for words in lists:
        for word in words:
            found.setdefault(word.lower(), word)
    return tuple(found.values())


def trained(told: Iterable[Told]) -> tuple[tuple[str, int], ...]:
    return next((one.trained for one in told if one.trained), ())
