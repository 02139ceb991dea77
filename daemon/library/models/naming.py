"""Which models a word means: a key, a name, `LIST/NAME`, or a FILTER. Pure."""

from collections.abc import Sequence

from daemon.library.models.filters import is_filter, matching, parse
from daemon.library.models.rows import Row, stem
from schema.errors import Refused
from schema.models import FILES
from schema.names import nearest, plain

SHORTEST = 6
"""Letters of a key that may stand for it."""


class Unknown(Refused):
    """No model is called so."""


def chosen(found: Sequence[Row], words: Sequence[str], now: float) -> list[Row]:
    """Each once, in order. A FILTER stands for all that match. Raises Refused, and Unknown where nothing does."""
    if not words:
        raise Refused("no model is named.", where="select", remedy="Name one, or write a FILTER.")
    rows: dict[int, Row] = {}
    for word in words:
        some = matching(found, parse(word, now)) if is_filter(word) else [the_one(found, word)]
        if not some:
            raise Unknown(f"nothing matches '{word[:80]}'.", where="select", remedy="`stablenew model list` shows all.")
        rows.update((id(one), one) for one in some)
    return list(rows.values())


def the_one(found: Sequence[Row], word: str) -> Row:
    """The best fit: by key, by name, by name without folders. Raises Refused where it fits several, or Unknown."""
    list_, slash, name = word.partition("/")
    named = [one for one in found if one.row.list == list_] if slash and list_ in FILES else []
    for rows, text in ((named, name), (found, word)):
        fits = _fits(rows, text)
        if fits and len({one.row.key for one in fits}) == 1:
            return fits[0]
        if fits:
            raise Refused(
                f"'{word[:80]}' fits {len(fits)} models: {', '.join(map(_called, fits[:8]))}.",
                where="select",
                remedy="Write LIST/NAME, or the key.",
            )
    near = nearest(word, [one.row.name for one in found])
    raise Unknown(
        f"there is no model '{word[:80]}'.",
        where="select",
        remedy=f"The nearest are {', '.join(near)}." if near else "`stablenew model list` shows all.",
    )


def _fits(found: Sequence[Row], word: str) -> list[Row]:
    wanted, low = plain(word), word.lower()
    for test in (
        lambda one: low in one.keys,
        lambda one: plain(one.row.name) == wanted,
        lambda one: stem(one.row.name) == wanted,
        lambda one: any(plain(known.name) == wanted or known.path == word for known in one.files),
        lambda one: len(low) >= SHORTEST and one.row.key.startswith(low),
    ):
        fits = [one for one in found if test(one)]
        if fits:
            return fits
    return []


def _called(one: Row) -> str:
    return (
        f"{one.row.list}/{one.row.name}" if one.row.key.startswith("name:") else f"{one.row.name} ({one.row.key[:8]})"
    )
