"""Verbs that need no daemon but much machinery: the daemon's program does them, with our stdio and exit code."""

import os

from tui.cli.tree import Take, Verb


def become(*words: str) -> int:
    """This process becomes the child: signals, pipes and the exit code are the child's own. Does not return."""
    from tui.link.endpoint import daemon_command

    command = daemon_command(*words)
    os.execv(command[0], command)


def passing(words: tuple[str, ...], about: str, *takes: Take) -> Verb:
    """A verb that the child reads itself; `takes` is what it takes, for the help and a first check."""

    def run(words: list[str], begin: tuple[str, ...] = words) -> int:
        return become(*begin, *words)

    return Verb(run, about, takes, passes=True)
