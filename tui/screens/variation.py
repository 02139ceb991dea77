"""What varies between the pictures of a run, as its form holds it, and the fields of the request it makes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from schema.plans import Matrix, Pick, PromptOrder
from schema.requests import Edit, RunRequest, TextFile, keyed
from tui.screens.numbers import whole

MATRIX: tuple[tuple[str, str], ...] = (
    ("", "as the pack says, else all"),
    ("all", "every combination"),
    ("random", "drawn at random"),
    ("rotate", "rotate: each place takes its next value"),
    ("sequential", "one of each prompt, in turn"),
)
ORDER: tuple[tuple[str, str], ...] = (
    ("sequential", "as the pack has them"),
    ("random", "shuffled"),
    ("weighted", "drawn by weight"),
)


@dataclass(frozen=True)
class Variation:
    profile: str = ""
    template: str = ""
    style: tuple[str, ...] = ()
    overlay: str = ""
    matrix: Matrix | None = None
    """None: as the pack says, else all."""
    order: PromptOrder = "sequential"
    variants: str = ""
    """Of each prompt, as typed; empty: all, or one draw."""
    limit: str = ""
    max_prompts: str = ""
    max_images: str = ""
    search: tuple[str, ...] = ()
    """`SEARCH => A | B`."""
    vary: tuple[str, ...] = ()
    """`STAGE.FIELD=V1,V2`."""
    literal: bool = False
    locks: tuple[tuple[str, str], ...] = ()
    """Places by `Pick.key`, and what they are held at."""
    rerolls: tuple[tuple[str, int], ...] = ()
    """Places that were drawn anew, and how often."""
    edits: tuple[Edit, ...] = ()
    """Variants that were written over."""

    def locked(self, key: str, value: str | None) -> "Variation":
        """Held at this value; None: free again."""
        held = {name: one for name, one in self.locks if name != key}
        return replace(self, locks=tuple((held | ({key: value} if value is not None else {})).items()))

    def rerolled(self, *keys: str) -> "Variation":
        """Each of these draws once more."""
        counts = dict(self.rerolls)
        for key in keys:
            counts[key] = counts.get(key, 0) + 1
        return replace(self, rerolls=tuple(counts.items()))

    def held(self, picks: Mapping[str, str]) -> "Variation":
        """All of these places held at what they are."""
        return replace(self, locks=tuple((dict(self.locks) | dict(picks)).items()))

    def edited(self, edit: Edit | None, name: str) -> "Variation":
        """The variant of this name written over; None: as it was made."""
        rest = tuple(one for one in self.edits if one.name != name)
        return replace(self, edits=(*rest, edit) if edit is not None else rest)

    def into(self, wish: RunRequest) -> RunRequest:
        """The request with all of this. Raises Refused when a number is none."""
        return msgspec.structs.replace(
            wish,
            profile=self.profile or None,
            template=self.template or None,
            style=self.style,
            overlay=self.overlay or None,
            matrix=self.matrix,
            order=self.order,
            variants=whole(self.variants, "variants"),
            limit=whole(self.limit, "limit"),
            max_prompts=whole(self.max_prompts, "prompts"),
            max_images=whole(self.max_images, "pictures"),
            search=self.search,
            vary=self.vary,
            literal=self.literal,
            lock=tuple(f"{key}={value}" for key, value in self.locks),
            reroll=tuple(f"{key}={count}" for key, count in self.rerolls),
            edits=self.edits,
        )

    def told(self) -> str:
        """What is not as usual: `random · 24 variants · style film · 2 held`; empty: nothing."""
        words = [f"template {self.template}" if self.template else ""]
        words += [f"style {', '.join(self.style)}" if self.style else ""]
        words += [f"overlay {self.overlay}" if self.overlay else "", self.matrix or ""]
        words += [self.order if self.order != "sequential" else "", "as written" if self.literal else ""]
        many = (("variants", self.variants), ("limit", self.limit), ("prompts", self.max_prompts))
        words += [f"{name} {text}" for name, text in (*many, ("pictures", self.max_images)) if text]
        counts = ((self.search, "searched"), (self.vary, "axes"), (self.locks, "held"), (self.edits, "written over"))
        words += [f"{len(of)} {word}" for of, word in counts if of]
        return " · ".join(filter(None, words))


AS_USUAL = Variation()


def variation_of(wish: RunRequest) -> Variation:
    """As a request that somebody else wrote has it."""
    return Variation(
        profile=named(wish.profile), template=named(wish.template), style=wish.style, overlay=named(wish.overlay),
        matrix=wish.matrix, order=wish.order,
        variants=digits(wish.variants), limit=digits(wish.limit), max_prompts=digits(wish.max_prompts),
        max_images=digits(wish.max_images), search=wish.search, vary=wish.vary, literal=wish.literal,
        locks=tuple(map(keyed, wish.lock)),
        rerolls=tuple((key, int(count)) for key, count in map(_counted, wish.reroll) if count.strip().isdecimal()),
        edits=wish.edits,
    )  # fmt: skip


def _counted(reroll: str) -> tuple[str, str]:
    """Without a number it is once."""
    return keyed(reroll if "=" in reroll else f"{reroll}=1")


def picked(picks: tuple[Pick, ...]) -> dict[str, str]:
    """Places and values that can be held."""
    return {pick.key: pick.value for pick in picks}


def digits(number: int | None) -> str:
    return "" if number is None else str(number)


def named(wanted: str | TextFile | None) -> str:
    """What of the library it names; empty for a file's text."""
    return wanted if isinstance(wanted, str) else ""
