"""Which picture stands where on a sheet: by the axes of a grid, or by what else sets the pictures of a run apart.

A dimension is an axis of the grid (`txt2img.cfg`, `lora`), a place to vary (`weather`, `__sky__`), or one of `pack`,
`prompt`, `style`, `seed` and `picture`. Two of them are columns and rows; the others make one panel each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from schema.errors import Refused
from schema.ids import Sha256
from schema.pages import ImageRecord, JobRecord, RunRecord

Level = str
Key = tuple[Level, ...]

FIRST = ("pack", "prompt")
LAST = ("style", "seed", "picture")


class Cell(NamedTuple):
    """A picture, or the place of one that is not there."""

    name: str
    dims: Mapping[str, Level]
    sha256: Sha256 | None = None
    size: tuple[int, int] = (1, 1)
    mark: str = ""
    """Why there is none, or why it may be broken."""


class Panel(NamedTuple):
    """Rows of cells below one another; None: nothing was planned there."""

    title: str
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    """Each with its label."""


class Layout(NamedTuple):
    title: str
    columns: tuple[str, ...]
    """Labels above the columns; all empty where the pictures have captions of their own."""
    panels: tuple[Panel, ...]
    x: str = ""
    """What the columns stand for, in words."""
    y: str = ""
    captions: bool = False
    """Each picture has its job's name below it: they are in no order but the run's."""

    def cells(self) -> Iterator[Cell]:
        for panel in self.panels:
            for _, cells in panel.rows:
                yield from filter(None, cells)


def lay_out(run: RunRecord, jobs: Iterable[JobRecord], x: str | None = None, y: str | None = None) -> Layout:
    """`x`, `y`: names of dimensions, or what they end in where only one does; None: whatever suits. Raises Refused."""
    cells = list(cells_of(jobs))
    if not cells:
        raise Refused("the run has no pictures.", where="sheet", remedy="Wait for its first job.")
    title = f"{run.spec.name} ({run.row.id})"
    axes = {name: tuple(levels) for name, levels in run.spec.randomizer.axes.items()}
    order = _levels(cells, axes)
    live = [name for name, levels in order.items() if len(levels) > 1]
    across, down = _chosen(order, live, tuple(axes), x, y)
    if not across and not down:
        return _flat(title, cells)
    rest = tuple(name for name in live if name not in (*across, *down))
    columns = _keys(cells, across, order)
    rows, panels = _keys(cells, down, order), _keys(cells, rest, order)
    placed = {tuple(_key(cell, names) for names in (rest, down, across)): cell for cell in cells}
    made = tuple(
        Panel(
            _label(rest, panel),
            tuple(
                (_label(down, row, bare=True), tuple(placed.get((panel, row, column)) for column in columns))
                for row in rows
                if any((panel, row, column) in placed for column in columns)
            ),
        )
        for panel in panels
    )
    labels = tuple(_label(across, column, bare=True) for column in columns)
    return Layout(title, labels, made, ", ".join(across), ", ".join(down))


def cells_of(jobs: Iterable[JobRecord]) -> Iterator[Cell]:
    """One for each final picture, in order; one without a picture for a job that has none."""
    again: dict[tuple[tuple[str, str], ...], int] = {}
    for job in jobs:
        dims = _dims(job)
        images = _finals(job)
        for image in images or (None,):
            known = tuple(dims.items())
            again[known] = again.get(known, 0) + 1
            own = {**dims, "picture": str(again[known])}
            if image is None:
                yield Cell(job.spec.name, own, mark="not made yet" if job.state in OPEN else job.state)
            else:
                size = (image.file.width, image.file.height)
                yield Cell(job.spec.name, own, image.file.sha256, size, image.suspect or "")


OPEN = ("queued", "held", "running")


def _finals(job: JobRecord) -> tuple[ImageRecord, ...]:
    if job.state != "finished":
        return ()
    done = [stage for stage in job.stages if stage.state == "done" and (stage.images or stage.deleted)]
    return tuple(image for image in done[-1].images if image.file.media.startswith("image/")) if done else ()


def _dims(job: JobRecord) -> dict[str, Level]:
    spec = job.spec
    drawn = {pick.key: pick.value for pick in spec.picks if not pick.key.startswith("(")}
    words = " ".join((spec.template or spec.prompt).split())
    dims = {
        "pack": spec.pack or "",
        "prompt": f"{spec.prompt_number}. {words}" if words else str(spec.prompt_number),
        **drawn,
        "style": spec.style or "",
        "seed": str(spec.seed),
        **spec.axes,
    }
    return dims if drawn or spec.axes else {**dims, "variant": str(spec.variant)}


def _levels(cells: Sequence[Cell], axes: Mapping[str, tuple[Level, ...]]) -> dict[str, tuple[Level, ...]]:
    """Of every dimension, in the order they were asked for or came; axes first, then prompts, places to vary, seeds."""
    found: dict[str, dict[Level, None]] = {name: {} for name in (*axes, *FIRST)}
    for cell in cells:
        for name in cell.dims:
            if name not in LAST:
                found.setdefault(name, {})
    found |= {name: {} for name in LAST if name not in found}
    for cell in cells:
        for name in found:
            found[name].setdefault(cell.dims.get(name, ""))
    return {
        name: tuple(sorted(levels, key=axes[name].index)) if set(levels) <= set(axes.get(name, ())) else tuple(levels)
        for name, levels in found.items()
    }


def _chosen(
    order: Mapping[str, tuple[Level, ...]], live: Sequence[str], axes: tuple[str, ...], x: str | None, y: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What makes the columns and what the rows."""
    if x is not None or y is not None:
        across: tuple[str, ...] = (_named(x, order, "--x"),) if x is not None else ()
        down: tuple[str, ...] = (_named(y, order, "--y"),) if y is not None else ()
        left = tuple(name for name in live if name not in (*across, *down))
        return across or left[:1], down or (left[:1] if across else ())
    varied = tuple(name for name in axes if name in live)
    if varied:
        others = tuple(name for name in live if name not in axes)
        return (varied[:1], varied[1:2]) if len(varied) > 1 else (varied, others)
    across = tuple(name for name in live if name in ("seed", "picture"))
    down = tuple(name for name in live if name not in across)
    return (across, down) if across and down else ((), ())


def _named(word: str, order: Mapping[str, tuple[Level, ...]], flag: str) -> str:
    plain = word.strip().casefold()
    exact = [name for name in order if name.casefold() == plain]
    ends = [name for name in order if plain and name.strip("_[]{}").casefold().endswith(plain)]
    for found in (exact, ends):
        if len(found) == 1:
            return found[0]
    names = ", ".join(name for name, levels in order.items() if len(levels) > 1) or "nothing at all"
    raise Refused(f"'{word[:40]}' is nothing that this run varies.", where=flag, remedy=f"It varies {names}.")


def _key(cell: Cell, names: tuple[str, ...]) -> Key:
    return tuple(cell.dims.get(name, "") for name in names)


def _keys(cells: Sequence[Cell], names: tuple[str, ...], order: Mapping[str, tuple[Level, ...]]) -> list[Key]:
    """Those that there are, by the order of the levels, the last dimension the quickest."""
    place = {name: {level: at for at, level in enumerate(order[name])} for name in names}
    there = dict.fromkeys(_key(cell, names) for cell in cells)
    return sorted(there, key=lambda key: [place[name][level] for name, level in zip(names, key, strict=True)])


def _label(names: tuple[str, ...], key: Key, *, bare: bool = False) -> str:
    """`0.4`; beside other dimensions, or above a panel, `seed 42 · txt2img.cfg 5.5`."""
    if bare and len(names) == 1:
        return key[0] or "none"
    return " · ".join(
        level if name in ("prompt", "pack") and level else f"{name} {level or 'none'}"
        for name, level in zip(names, key, strict=True)
    )


def _flat(title: str, cells: Sequence[Cell]) -> Layout:
    """As square as can be, each with its name."""
    wide = max(1, min(len(cells), round(len(cells) ** 0.5 + 0.49)))
    rows = tuple(
        ("", tuple([*cells[at : at + wide], *[None] * wide][:wide])) for at in range(0, len(cells), wide)
    )  # fmt: skip
    return Layout(title, ("",) * wide, (Panel("", rows),), captions=True)
