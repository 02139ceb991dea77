"""Asks the terminal which picture protocol it speaks, by the same two questions that picture libraries ask."""

import os
import select
import sys
import time

PATIENCE = 0.4
"""Seconds; over a slow line the answer may come late and is then taken for none."""

KITTY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
ATTRIBUTES = "\x1b[c"
"""Every terminal answers this one; a 4 among the numbers means Sixel."""


def picture_protocol() -> str:
    answer = _ask(KITTY + ATTRIBUTES)
    if "_Gi=31;OK" in answer:
        return "kitty"
    numbers = answer.rpartition("\x1b[?")[2].partition("c")[0].split(";")
    if "4" in numbers[1:]:
        return "sixel"
    inside = " (tmux passes no pictures on unless told so)" if "TMUX" in os.environ else ""
    return f"half cells{inside}"


def _ask(question: str) -> str:
    """The raw answer, read up to the last question's end. Needs stdin and stdout to be a terminal."""
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    answer = ""
    try:
        tty.setcbreak(fd)
        sys.stdout.write(question)
        sys.stdout.flush()
        deadline = time.monotonic() + PATIENCE
        while not answer.endswith("c") and (left := deadline - time.monotonic()) > 0:
            if select.select([fd], [], [], left)[0]:
                answer += os.read(fd, 1024).decode("latin-1")
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
    return answer
