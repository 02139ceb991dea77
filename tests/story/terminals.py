"""A terminal as a person has it: `stablenew` alone in a tmux server of its own; keys in, what is seen out."""

import os
import re
import subprocess


class Terminal:
    """One tmux server of its own, with the program in its only pane."""

    def __init__(self, home, columns: int, rows: int) -> None:
        self.home = home
        self.name = f"story-{os.getpid()}-{columns}"
        env = " ".join(f"{name}={value}" for name, value in home.env.items() if name != "NO_COLOR")
        command = f"env {env} LANG=C.UTF-8 {home.command[0]}; echo ended with $?; cat"
        self.sized = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), command)

    def tmux(self, *words: str) -> str:
        command = ["tmux", "-L", self.name, "-f", "/dev/null", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=self.sized).stdout

    def keys(self, *names: str) -> None:
        for name in names:
            self.tmux("send-keys", name)

    def write(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def sees(self, pattern: str) -> str:
        try:
            return self.home.until(lambda: self.shown(pattern), f"{pattern!r} on the screen", seconds=20)
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{self.tmux('capture-pane', '-p')}") from None

    def shown(self, pattern: str) -> str | None:
        text = self.tmux("capture-pane", "-p")
        return text if re.search(pattern, text, re.S) else None

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self.name, "kill-server"], capture_output=True)
