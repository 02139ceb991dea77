"""A plan before its jobs are made: what is varied, how many variants there are, and how many of each prompt are made.

Everything that can be wrong in a request is refused here, before a single variant is made.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from daemon.prompting.drawing import Drawer
from daemon.prompting.effective import check_seed
from daemon.prompting.experiments import as_experiment, check_axis, read_mixes
from daemon.prompting.grids import Cell, Grid, read_grid
from daemon.prompting.learned import with_randomizer
from daemon.prompting.limits import MANY, Room, Share, counted, first_prompts, shares
from daemon.prompting.looks.lean import Lean
from daemon.prompting.phrasing import Phrasing, named_templates, read_phrasing
from daemon.prompting.presets import read_preset
from daemon.prompting.randomization import Block, read_block
from daemon.prompting.recipe import Recipe, Shelf, make_recipe
from daemon.prompting.sources import Source, in_order, read_sources
from daemon.prompting.spaces import Spaces, Worded, check_keys
from daemon.prompting.texts import told
from daemon.prompting.variation.tables import Tables, Value
from schema.errors import Refused
from schema.lessons import Lessons
from schema.prompts import Segment
from schema.requests import RunRequest
from schema.settings import Settings


class Draft(NamedTuple):
    request: RunRequest
    recipe: Recipe
    sources: tuple[Source, ...]
    phrasing: Phrasing
    drawer: Drawer
    grid: Grid
    spaces: Spaces
    worded: tuple[Worded, ...]
    """The prompts that are left after max-prompts, in the order they are taken."""
    shares: tuple[Share, ...]
    seed: int
    space: int
    """Variants there were to choose from."""
    jobs: int
    warnings: tuple[str, ...]
    cells: tuple[Cell, ...] = ()
    """Of an explore run: what each of its mixes sets."""

    def segments(self) -> tuple[Segment, ...]:
        """Of the command line's prompt, or the first pack's first, as it was written: without what is around it."""
        if not self.worded:
            return ()
        source = self.sources[0]
        first = next((one.taken for one in self.worded if one.taken.source is source), self.worded[0].taken)
        return self.spaces.segments(first)


def draft(
    request: RunRequest, library: Shelf, settings: Settings, drawn_seed: int, leaning: Lean, lessons: Lessons
) -> Draft:
    """Deterministic in its arguments. Raises Refused. `leaning`: what looks at pictures suggest; `lessons`: what
    verdicts taught."""
    _check(request)
    request = as_experiment(request)
    seed = drawn_seed if request.seed is None else request.seed
    check_seed(seed, request.count)
    phrasing = read_phrasing(request, library, leaning)._replace(lessons=lessons)
    recipe = make_recipe(request, library, settings, phrasing.template)
    sources = read_sources(request, library)
    request, learned = with_randomizer(request, sources, lessons)
    named, missing = named_templates(library, sources)
    phrasing = phrasing._replace(named=named)
    grid = read_grid(request.vary, recipe.open, recipe.fixed)
    check_axis(grid, request)
    cells = read_mixes(request.mixes, recipe.open, recipe.fixed)
    tables = _Late(lambda: library.tables())
    spaces = Spaces(request, sources, phrasing, grid, tables, _blocks(request, library, sources), seed)
    drawer = Drawer(phrasing, recipe, seed, spaces.rerolls)
    phrasing.styled("", "", (*grid.styles, *(style for cell in cells for style in cell.styles)))
    taken = first_prompts(tuple(in_order(sources, request.order, seed)), request.max_prompts)
    worded = tuple(spaces.of(one) for one in taken)
    check_keys(spaces, worded, drawer.keys)
    shared = shares([Room(one.taken.source.stem, one.size) for one in worded], request)
    jobs = len(cells) or sum(share.jobs for share in shared)
    return Draft(
        request=request,
        recipe=recipe,
        sources=sources,
        phrasing=phrasing,
        drawer=drawer,
        grid=grid,
        spaces=spaces,
        worded=worded,
        shares=tuple(shared),
        seed=seed,
        space=sum(one.whole * grid.size for one in worded),
        jobs=jobs,
        warnings=(
            *phrasing.warnings,
            *missing,
            *learned,
            *drawer.warnings,
            *_of_variants(worded, request, grid),
            *(() if request.experiment else _numbers(worded, shared, jobs, request)),
        ),
        cells=cells,
    )


class _Late:
    """The library's wildcards, looked for when the first prompt wants one."""

    def __init__(self, find: Callable[[], Tables]) -> None:
        self._find = find

    @cached_property
    def _found(self) -> Tables:
        return self._find()

    def values(self, name: str) -> tuple[Value, ...]:
        return self._found.values(name)

    def names(self) -> Iterable[str]:
        return self._found.names()


def _check(request: RunRequest) -> None:
    for flag, number in (
        ("--count", request.count),
        ("--limit", request.limit),
        ("--variants", request.variants),
        ("--max-images", request.max_images),
        ("--max-prompts", request.max_prompts),
    ):
        if number is not None and number < 1:
            raise Refused(f"{number} is too small; it must be at least 1.", where=flag)
    if request.plan_hash is not None and request.seed is None:
        raise Refused("needs --seed: without it every plan draws another.", where="--plan-hash", remedy="Add --seed.")
    for flag, text in (("--node", request.node), ("--backend", request.backend), ("--name", request.name)):
        if text is not None and (not text.strip() or len(text) > 200):
            raise Refused("must have 1 to 200 characters.", where=flag)
    if request.image is not None and (len(request.image) != 64 or set(request.image) - set("0123456789abcdef")):
        raise Refused("is no SHA-256 of an uploaded picture.", where="image", remedy="Upload the picture first.")


def _blocks(request: RunRequest, library: Shelf, sources: Sequence[Source]) -> Mapping[str, Block]:
    """Stem of a source to the randomization that holds for it: that of `--preset`, else of the pack's own settings."""
    named: Block | None = None
    if request.preset is not None:
        file = library.preset(request.preset)
        named = read_block(read_preset(file.name, file.text).get("randomization"), f"preset {file.name}")
    found: dict[str, Block] = {}
    for source in sources:
        own = None
        if source.pack and source.pack.preset and not request.last:
            preset = read_preset(f"{source.pack.file} preset_data", source.pack.preset)
            own = read_block(preset.get("randomization"), f"pack {source.pack.file}")
        if named or own:
            found[source.stem] = named or own or Block()
    return found


def _of_variants(worded: Sequence[Worded], request: RunRequest, grid: Grid) -> list[str]:
    """What is wrong with the places to vary, and with what is to be replaced in them."""
    spaces = [warning for one in worded if one.space for warning in one.space.warnings]
    return [*_sought(worded, request, grid), *spaces, *_never_drawn(worded, request)]


def _never_drawn(worded: Sequence[Worded], request: RunRequest) -> list[str]:
    """Chances of places that are all combined."""
    if not request.chance or any(one.drawn for one in worded):
        return []
    return ["--chance: counts where values are drawn, and none are; --matrix random draws them."]


def _sought(worded: Sequence[Worded], request: RunRequest, grid: Grid) -> list[str]:
    """Words to be replaced that no prompt has, where none can come from a wildcard."""
    rules = [("--search", text.partition("=>")[0].strip()) for text in request.search]
    swaps = (change.swap for axis in grid.axes for change in axis.changes if change.swap)
    rules += [("--vary words", search) for search, _ in swaps]
    texts = [f"{one.text}\n{one.negative}" for one in worded]
    if any("__" in text for text in texts):
        return []
    return [
        f"{flag}: no prompt has '{told(words, 60)}' in it."
        for flag, words in dict.fromkeys(rules)
        if not any(words in text for text in texts)
    ]


def _numbers(worded: Sequence[Worded], shared: Sequence[Share], jobs: int, request: RunRequest) -> list[str]:
    """How many there would be, where not all are made or very many are."""
    warnings: list[str] = []
    made = sum(share.variants for share in shared)
    whole = sum(max(one.uncut, one.words) * one.grid.size for one in worded)
    varied = any(one.space or one.grid.axes for one in worded)
    if varied and made < whole:
        warnings.append(f"{counted(made)} of {counted(whole)} variants, spread evenly.")
    if varied and jobs > MANY:
        warnings.append(f"{counted(jobs)} jobs: --limit, --variants or --matrix random make fewer.")
    return warnings
