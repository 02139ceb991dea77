"""How many variants of each prompt are made: the limits of a run, in the contract's order, before anything is made.

max-prompts (each pack), limit (all variants together), count, max-images (each pack). A limit that cuts is spread:
every prompt gets its share, and a share is an even sample of the prompt's variants, never the first of them.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from daemon.prompting.sources import Taken
from schema.errors import Refused
from schema.requests import RunRequest

MANY = 1000
"""Jobs from places to vary, from which on a person is told how to ask for fewer."""


class Room(NamedTuple):
    """A prompt in its turn: its pack by its stem, and how many variants it has."""

    pack: str
    size: int


class Share(NamedTuple):
    """What one prompt gets."""

    at: int
    """Of the rooms."""
    variants: int
    jobs: int
    """`count` for each variant; the last variant has fewer where max-images cuts it."""


def first_prompts(taken: Sequence[Taken], most: int | None) -> list[Taken]:
    """At most `most` prompts of each pack, the first in the order they are taken."""
    if most is None:
        return list(taken)
    seen: Counter[str] = Counter()
    left: list[Taken] = []
    for one in taken:
        seen[one.source.stem] += 1
        if seen[one.source.stem] <= most:
            left.append(one)
    return left


def shares(rooms: Sequence[Room], request: RunRequest) -> list[Share]:
    """In the order of the rooms, without those that get nothing. Sums are those of the limits, exactly."""
    given = fill([room.size for room in rooms], request.limit)
    if request.max_images is None:
        return [Share(at, one, one * request.count) for at, one in enumerate(given) if one]
    packs: defaultdict[str, list[int]] = defaultdict(list)
    for at, room in enumerate(rooms):
        packs[room.pack].append(at)
    found: list[Share] = []
    for members in packs.values():
        found += _images(members, [given[at] for at in members], request.count, request.max_images)
    return sorted(found)


def fill(sizes: Sequence[int], most: int | None) -> list[int]:
    """`most` spread over vessels as water: the small ones full, the others level; what is over goes to the first.

    With fewer than there are vessels the first of them get one each.
    """
    if most is None or sum(sizes) <= most:
        return list(sizes)
    level, left = 0, most
    for place, size in enumerate(ordered := sorted(sizes)):
        open_ = len(ordered) - place
        if (size - level) * open_ > left:
            level, left = level + left // open_, left % open_
            break
        left -= (size - level) * open_
        level = size
    filled = [min(size, level) for size in sizes]
    for at, size in enumerate(sizes):
        if left and size > level:
            filled[at] += 1
            left -= 1
    return filled


def check_total(total: int, most: int) -> None:
    """Raises Refused for more jobs than the settings allow."""
    if total > most:
        raise Refused(
            f"the plan would have {counted(total)} jobs; run.max_variants allows {most}.",
            where="run",
            remedy="Lower --count, give --limit, --variants or --max-images, or raise run.max_variants in config.toml.",
        )


def over_total(total: int, most: int) -> tuple[str, ...]:
    """The same as a warning."""
    try:
        check_total(total, most)
    except Refused as refused:
        return (f"{refused.sentence} {refused.remedy}",)
    return ()


def sample(shared: Sequence[Share], jobs: int) -> tuple[Share, ...]:
    """About `jobs` jobs of the first prompts, with an even sample of each prompt's variants."""
    found: list[Share] = []
    for share in shared:
        if jobs <= 0:
            break
        count = -(-share.jobs // share.variants)
        variants = min(share.variants, -(-jobs // count))
        found.append(Share(share.at, variants, min(share.jobs, variants * count)))
        jobs -= found[-1].jobs
    return tuple(found)


def counted(number: int) -> str:
    """Digits as people read them; of a number beyond all use only how long it is."""
    return f"{number:,}" if number < 10**24 else f"about 10^{int_log10(number)}"


def digits(number: int) -> str:
    """All of them, as long as Python prints them."""
    return str(number) if number < 10**4000 else counted(number)


def int_log10(number: int) -> int:
    """Also of numbers that no float holds and Python will not print."""
    guess = int((number.bit_length() - 1) * 30103 // 100000)
    return guess if number < 10 ** (guess + 1) else guess + 1


def _images(members: Sequence[int], sizes: Sequence[int], count: int, most: int) -> list[Share]:
    """Of one pack."""
    variants = fill(sizes, -(-most // count))
    over = max(0, sum(variants) * count - most)
    found = [Share(at, one, one * count) for at, one in zip(members, variants, strict=True) if one]
    if over:
        found[-1] = found[-1]._replace(jobs=found[-1].jobs - over)
    return found
