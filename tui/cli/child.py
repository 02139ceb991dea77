"""Verbs that need no daemon and much machinery: a child of the daemon's program does them, its stdio and exit code ours."""

import os

from tui.link.endpoint import daemon_command


def become(*words: str) -> int:
    """This process becomes the child: signals, pipes and the exit code are the child's own. Does not return."""
    command = daemon_command(*words)
    os.execv(command[0], command)
