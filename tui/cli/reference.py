"""`docs/cli.md` from the commands themselves; `docs/make.py` writes it."""

from collections.abc import Iterator

from tui.cli import ROOT, tree, usage
from tui.cli.tree import Verb

HEAD = """\
# The command line

What `--help` says of every command. This page is made by `docs/make.py`.
"""


def reference() -> str:
    sections = [HEAD, "```text", usage.of_root(ROOT), "```", ""]
    for path, verb in verbs():
        sections += [f"## stablenew {' '.join(path)}", "", "```text", usage.of_verb(path, verb), "```", ""]
    return "\n".join(sections).rstrip() + "\n"


def verbs() -> Iterator[tuple[tuple[str, ...], Verb]]:
    """Every verb with its words, in the order of the help."""
    for name, entry in ROOT.items():
        found = tree.load(entry)
        if isinstance(found, Verb):
            yield (name,), found
        else:
            yield from (((name, word), verb) for word, verb in found.items())
