"""A small network of machines in namespaces: one switch, a cable to each machine, IPv4 and IPv6, multicast. No root.

Everything lies below one user namespace, so an ordinary user may build it, and it is gone with its keeper. A machine
is a network, a host name and a table of mounts of its own; files and process ids are those of everybody.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

NEEDED = ("ip", "tc", "unshare", "nsenter", "setpriv")

KEEP = "echo up; exec cat >/dev/null"
"""What holds a namespace: ends with whoever opened its standard input."""


@cache
def why_not() -> str:
    """Why there can be no such network here; empty: there can."""
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        return f"not installed: {', '.join(missing)} (Debian: iproute2, util-linux)"
    tried = subprocess.run(
        ["unshare", "-Urnmu", "ip", "link", "add", "br0", "type", "bridge"], capture_output=True, text=True
    )
    return f"no user and network namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


class Keeper:
    """A process that does nothing but hold namespaces."""

    def __init__(self, words: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        if self._process.stdout.readline() != "up\n":
            raise OSError(f"{words}: {self._process.stderr.read()}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        self._process.communicate()  # closes its input


class Machine:
    """One end of a cable. `number` is its place on the network: 10.77.0.N and fd77::N."""

    def __init__(self, lan: "Lan", name: str, number: int) -> None:
        self.name = name
        self.number = number
        self._lan = lan
        words = ["unshare", "-n", "-u", "-m", "--propagation", "private", "sh", "-c", f"hostname {name}; {KEEP}"]
        self._keeper = Keeper([*_inside(lan.pid, "-U", "-m", "-n"), *words])
        self.pid = self._keeper.pid

    @property
    def port(self) -> str:
        """The switch's end of the cable."""
        return f"v{self.number}"

    @property
    def address(self) -> str:
        return f"10.77.0.{self.number}"

    @property
    def address6(self) -> str:
        return f"fd77::{self.number:x}"

    # What may be done to it -----------------------------------------------------------------------

    def pull(self) -> None:
        """The cable out: the machine sees that it has no carrier, and keeps its addresses."""
        self._lan.ip(f"link set {self.port} down")

    def restore(self) -> None:
        self._lan.ip(f"link set {self.port} up")

    def renumber(self, number: int, ipv6: bool = True) -> None:
        """Another lease: the old addresses are gone at once."""
        self.ip("addr flush dev eth0 scope global")
        self.number_addresses(number, ipv6=ipv6)

    def number_addresses(self, number: int, ipv4: bool = True, ipv6: bool = True) -> None:
        if ipv4:
            self.ip(f"addr add 10.77.0.{number}/24 brd + dev eth0")
        if ipv6:
            self.ip(f"addr add fd77::{number:x}/64 dev eth0 nodad")
        self._lan.announce()

    def forget_addresses(self) -> None:
        self.ip("addr flush dev eth0 scope global")

    def deafen(self) -> None:
        """Nothing reaches it any more; what it sends arrives."""
        self._lan.tc(f"qdisc replace dev {self.port} root blackhole")

    def mute(self) -> None:
        """Nothing that it sends arrives any more; what is sent to it does."""
        self.tc("qdisc replace dev eth0 root blackhole")

    def throttle(self, kbit: int) -> None:
        """In both directions, with a short queue that overflows."""
        for tc, end in ((self._lan.tc, self.port), (self.tc, "eth0")):
            tc(f"qdisc replace dev {end} root tbf rate {kbit}kbit burst 16kb limit 64kb")

    def heal(self) -> None:
        """Undoes deafen, mute and throttle."""
        for tc, end in ((self._lan.tc, self.port), (self.tc, "eth0")):
            with suppress(OSError):
                tc(f"qdisc del dev {end} root")

    def reboot_id(self, text: str, folder: Path) -> None:
        """What the kernel calls this start of the machine, from now on."""
        file = folder / f"{self.name}.boot_id"
        file.write_text(text + "\n")
        self.run("mount", "--bind", str(file), "/proc/sys/kernel/random/boot_id")

    def small_disk(self, folder: Path, megabytes: int) -> None:
        """From now on `folder` is a disk of its own, which only this machine sees."""
        folder.mkdir(parents=True, exist_ok=True)
        self.run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder))

    # Commands and programs --------------------------------------------------------------------------

    def ip(self, *lines: str) -> None:
        self.run("ip", "-batch", "-", text="\n".join(lines))

    def tc(self, line: str) -> None:
        self.run("tc", *line.split())

    def run(self, *words: str, text: str = "") -> str:
        """Standard output; raises OSError."""
        return _run([*self._enter(), *words], text)

    def start(
        self, words: Sequence[str], env: Mapping[str, str], cwd: Path, output: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """A program on this machine; its process id is that of the Popen. It does not outlive who started it."""
        dying = ["setpriv", "--pdeathsig", "KILL", "--"]
        return subprocess.Popen(
            [*self._enter(), *dying, *words], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )

    def _enter(self) -> list[str]:
        return _inside(self.pid, "-U", "-n", "-u", "-m")

    def close(self) -> None:
        self._keeper.close()


class Lan:
    """The switch, and who is plugged in."""

    def __init__(self) -> None:
        self._keeper = Keeper(["unshare", "-Urnm", "--propagation", "private", "sh", "-c", KEEP])
        self.pid = self._keeper.pid
        self.machines: dict[str, Machine] = {}
        self.ip("link set lo up", "link add br0 type bridge mcast_snooping 0 forward_delay 0", "link set br0 up")

    def plug(self, name: str, number: int, addresses: bool = True) -> Machine:
        """A further machine, with its cable in; without addresses it is one that has just booted."""
        machine = self.machines[name] = Machine(self, name, number)
        self.ip(
            f"link add {machine.port} type veth peer name eth0 netns {machine.pid}",
            f"link set {machine.port} master br0",
            f"link set {machine.port} up",
        )
        machine.ip("link set lo up", "link set eth0 up")
        if addresses:
            machine.number_addresses(number)
        return machine

    def announce(self) -> None:
        """Everybody forgets who had which address, as they do when a machine announces a new one (RFC 5227)."""
        for machine in self.machines.values():
            machine.ip("neigh flush dev eth0")

    def ip(self, *lines: str) -> None:
        _run([*_inside(self.pid, "-U", "-n"), "ip", "-batch", "-"], "\n".join(lines))

    def tc(self, line: str) -> None:
        _run([*_inside(self.pid, "-U", "-n"), "tc", *line.split()], "")

    def close(self) -> None:
        for machine in self.machines.values():
            machine.close()
        self._keeper.close()


def _inside(pid: int, *which: str) -> list[str]:
    return ["nsenter", "-t", str(pid), *which, "--preserve-credentials", "--"]


def _run(words: Sequence[str], text: str) -> str:
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise OSError(f"{' '.join(words)} <<< {text!r}: {done.stderr.strip()}")
    return done.stdout
