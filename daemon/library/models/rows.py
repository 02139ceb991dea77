"""One list of what lies in folders here and what the nodes say they have, with what a person said of each. Pure.

Servers spell one file as `sub/toy.safetensors`, `toy.safetensors [ab12cd34]` or `toy`: what is the same is one row.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from daemon.library.models.reading import Known
from daemon.library.models.told import lacking, merged
from schema.models import FILES, ModelKey, ModelRow, ModelVerdict
from schema.names import plain


class Owned(NamedTuple):
    """A name of a node's card."""

    list: str
    name: str
    node: str
    backend: str


class Used(NamedTuple):
    uses: int = 0
    rating: float | None = None


class Row(NamedTuple):
    row: ModelRow
    keys: tuple[ModelKey, ...]
    """Under any of these a person may have said something of it; the first is where more of it goes."""
    files: tuple[Known, ...] = ()


Said = Mapping[ModelKey, ModelVerdict]
Uses = Mapping[tuple[str, str], Used]
"""By list and plain name without folders."""


class _Entry:
    """A row as it comes together."""

    def __init__(self, list_: str, name: str) -> None:
        self.list = list_
        self.name = name
        self.files: list[Known] = []
        self.spelled = ""
        """As the first node that has it does."""
        self.nodes: dict[str, None] = {}
        self.backends: dict[str, None] = {}

    def owned(self, by: Owned) -> None:
        self.spelled = self.spelled or by.name
        self.nodes[by.node] = self.backends[by.backend] = None


def rows(files: Iterable[Known], owned: Iterable[Owned]) -> tuple[Row, ...]:
    """By list, then by name. What a person said comes with `judged`."""
    entries: dict[tuple[str, str, str], _Entry] = {}
    for known in sorted(files, key=lambda one: one.path):
        key = (known.list, plain(known.name), known.key)
        entries.setdefault(key, _Entry(known.list, known.name)).files.append(known)
    _with_nodes(entries, owned)
    stems: dict[tuple[str, str], int] = defaultdict(int)
    for list_, name, _ in entries:
        stems[(list_, stem(name))] += 1
    order = {name: n for n, name in enumerate(FILES)}
    found = [_row(entry, stems) for entry in entries.values()]
    found.sort(key=lambda one: (order.get(one.row.list, len(order)), one.row.list, plain(one.row.name), one.row.key))
    return tuple(found)


def judged(found: Sequence[Row], said: Said, used: Uses) -> tuple[Row, ...]:
    """With tags, stars, favourites and use; those that nobody spoke of or used are the same objects."""
    return tuple(_judged(one, said, used) for one in found)


def verdict(one: Row, said: Said) -> tuple[ModelVerdict, ...]:
    """What was said under each of its keys; the first always, so that more can be said."""
    name = one.row.name
    first = said.get(one.keys[0], ModelVerdict(model=one.keys[0]))
    first = replace(first, name=name, favourite=one.row.favourite)
    return (first, *(replace(said[key], name=name, other=True) for key in one.keys[1:] if key in said))


def name_key(list_: str, name: str) -> ModelKey:
    return ModelKey(f"name:{list_}/{plain(name)}")


def stem(name: str) -> str:
    """Plain, without folders."""
    return plain(name).rpartition("/")[2]


def _with_nodes(entries: dict[tuple[str, str, str], _Entry], owned: Iterable[Owned]) -> None:
    whole: dict[tuple[str, str], list[_Entry]] = defaultdict(list)
    bare: dict[tuple[str, str], list[_Entry]] = defaultdict(list)
    for (list_, name, _), entry in entries.items():
        whole[(list_, name)].append(entry)
        bare[(list_, stem(name))].append(entry)
    later = []
    for by in owned:
        same = whole.get((by.list, plain(by.name))) or _one(bare.get((by.list, stem(by.name)), ()))
        if not same:
            later.append(by)
        for entry in same:
            entry.owned(by)
    # Names with folders first: a bare one is then a shorter spelling of the only one that it fits.
    for by in sorted(later, key=lambda one: "/" not in plain(one.name)):
        name = plain(by.name)
        same = whole.get((by.list, name)) or ([] if "/" in name else _one(bare.get((by.list, name), ())))
        if not same:
            same = [entries.setdefault((by.list, name, ""), _Entry(by.list, by.name))]
            whole[(by.list, name)], bare[(by.list, stem(name))] = same, [*bare[(by.list, stem(name))], *same]
        for entry in same:
            entry.owned(by)


def _one(found: Sequence[_Entry]) -> Sequence[_Entry]:
    """Where one of several is meant, none is."""
    return found if len(found) == 1 else ()


def _row(entry: _Entry, stems: Mapping[tuple[str, str], int]) -> Row:
    name = entry.spelled or entry.name
    names = dict.fromkeys((name_key(entry.list, entry.name), name_key(entry.list, name)))
    if stems[(entry.list, stem(entry.name))] == 1:
        names[name_key(entry.list, stem(entry.name))] = None
    keys = tuple(reversed(names))
    row = ModelRow(key=keys[0], list=entry.list, name=name, nodes=tuple(entry.nodes), backends=tuple(entry.backends))
    if not entry.files:
        return Row(row, keys)
    known = entry.files[0]
    return Row(_of_file(row, known), keys if known.short else (known.key, *keys), tuple(entry.files))


def _of_file(row: ModelRow, known: Known) -> ModelRow:
    said, preview = known.said, bool(known.preview or known.thumbnail)
    return replace(
        row,
        key=row.key if known.short else known.key,
        path=known.path,
        bytes=known.stamp[0],
        added=known.added,
        title=said.title,
        base=said.base,
        triggers=said.triggers,
        weight=said.weight,
        about=merged((said.tags, said.trained))[:24],
        favourite=said.favourite,
        preview=preview,
        missing=lacking(said, row.list, preview),
        trouble=known.trouble,
    )


def _judged(one: Row, said: Said, used: Uses) -> Row:
    spoken = [said[key] for key in one.keys if key in said]
    use = used.get((one.row.list, stem(one.row.name)))
    if not spoken and use is None:
        return one
    row = replace(
        one.row,
        tags=merged(each.tags for each in spoken),
        stars=next((each.stars for each in spoken if each.stars), 0),
        favourite=next((each.favourite for each in spoken if each.favourite is not None), one.row.favourite),
        uses=use.uses if use else 0,
        rating=use.rating if use else None,
    )
    return one._replace(row=row)
