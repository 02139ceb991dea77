"""What systemd is told, as sd_notify(3) describes it: lines to a datagram socket, nothing where nobody listens."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Self


class Notifier:
    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        """`address` as in NOTIFY_SOCKET; `watchdog`: seconds within which a sign of life is wanted."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog = watchdog
        self._status = ""

    @classmethod
    def of(cls, env: Mapping[str, str], pid: int) -> Self:
        """What is meant for another process of the same environment is left alone."""
        micros = env.get("WATCHDOG_USEC", "")
        ours = env.get("WATCHDOG_PID", str(pid)) == str(pid)
        return cls(env.get("NOTIFY_SOCKET", ""), int(micros) / 1e6 if ours and micros.isdigit() else None)

    def ready(self) -> None:
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=stopping")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line that `systemctl status` shows."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={' '.join(text.split())}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.setblocking(False)
            to.connect(self._address)
            to.send("\n".join(lines).encode())
