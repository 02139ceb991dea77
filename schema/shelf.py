"""What is told of the library's texts: what a file says line by line, and who names it."""

from schema.plans import Plain


class Said(Plain, frozen=True, kw_only=True):
    """One thing that a file of the library says."""

    of: str = ""
    """What it is about: a stage, a group of fields; empty: the file as a whole."""
    name: str = ""
    value: str = ""


class Use(Plain, frozen=True, kw_only=True):
    """A file of the library that names another of its things."""

    noun: str
    """`packs`, `wildcards` and so on, as routes are called."""
    name: str
    line: int = 0
    """The first on which it is named, from 1; 0: it has no lines of its own."""
    words: str = ""
    """That line."""
