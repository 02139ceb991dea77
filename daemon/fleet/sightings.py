"""Who was seen on the network, where, and what they say of themselves. Every word of it is a hint; pure.

mDNS is open to everybody: what is kept of strangers is bounded, and a paired node is never crowded out by them.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import NamedTuple

from schema.ids import NodeId
from schema.pairing import PORT, SERVICE

MOST_UNKNOWN = 64
"""Services that are of no paired node."""

MOST_NAMES = 4
"""Services that claim one paired node: its own, and others that lie or have a copied disk."""

MOST_ADDRESSES = 8
"""Of one service, and candidates for one node."""

LONGEST_NAME = 63
SHORT = 8
"""Letters of a node's id at the end of its service's name, and of a fleet's in `join`."""

_NODE = re.compile(r"[a-z2-7]{26}")
_JOIN = re.compile(r"[a-z2-7]{8}")


class Sighting(NamedTuple):
    """One service as it was last resolved, or an agent that a person has named by its address."""

    service: str
    node: NodeId
    name: str
    addresses: tuple[str, ...]
    """`HOST:PORT`, newest first."""
    open: bool
    """It takes a pairing."""
    protocol: int
    join: str = ""
    """It waits, with a token, for the fleet whose id begins so."""
    release: str = ""
    named: bool = False
    """By a person, by its address."""


class Sightings:
    def __init__(self) -> None:
        self._paired: dict[str, NodeId] = {}
        """First letters of the id to the id."""
        self._kept: dict[str, Sighting | None] = {}
        """Service to what is known of it, newest last; None: its name only."""

    @property
    def paired(self) -> frozenset[NodeId]:
        return frozenset(self._paired.values())

    def expect(self, nodes: Iterable[NodeId]) -> None:
        """These are paired; all others are strangers."""
        self._paired = {node[:SHORT]: node for node in nodes}

    def wants(self, service: str) -> bool:
        """Whether this service is to be resolved: called for whatever anybody shouts, so it looks at names only."""
        if service in self._kept:
            return True
        mine = service.removesuffix("." + SERVICE)[-SHORT:].lower()
        same = [name for name in self._kept if self._claimed(name) == mine] if mine in self._paired else None
        if len(same) >= MOST_NAMES if same is not None else len(self._unknown()) >= MOST_UNKNOWN:
            return False
        self._kept[service] = None
        return True

    def saw(self, sighting: Sighting) -> bool:
        """Whether that is news. What it resolved to last is the newest."""
        old = self._kept.pop(sighting.service, None)
        self._kept[sighting.service] = sighting
        return old != sighting

    def lost(self, service: str) -> bool:
        """It cannot be resolved; whether that is news. One that could be is tried once more."""
        if (old := self._kept.pop(service, None)) is not None:
            self._kept[service] = None
        return old is not None

    def names(self) -> tuple[str, ...]:
        """Of the services that are kept, but for what a person named."""
        return tuple(name for name in self._kept if name.endswith(SERVICE))

    def addresses(self, node: NodeId) -> tuple[str, ...]:
        """Of everybody who claims to be this node, newest first."""
        seen = [one for one in reversed(self._kept.values()) if one is not None and one.node == node]
        turns = zip_longest(*(one.addresses for one in seen))  # a lie with many addresses crowds nobody out
        return tuple(dict.fromkeys(address for turn in turns for address in turn if address))[:MOST_ADDRESSES]

    def candidates(self, node: NodeId, last_good: str) -> tuple[str, ...]:
        """Where to look for a paired node, best first."""
        return tuple(dict.fromkeys(filter(None, (last_good, *self.addresses(node)))))[:MOST_ADDRESSES]

    def strangers(self) -> tuple[Sighting, ...]:
        """Of no paired node, oldest first; of one that is seen several times what was seen last."""
        found = {one.node: one for one in self._kept.values() if one is not None and one.node not in self.paired}
        return tuple(found.values())[-MOST_UNKNOWN:]

    def let_go(self) -> tuple[Sighting, ...]:
        """Who claims to be a paired node and takes a pairing: somebody may have unpaired it on its own machine."""
        found = {one.node: one for one in self._kept.values() if one is not None and one.open}
        return tuple(one for node, one in found.items() if node in self.paired)

    def _claimed(self, service: str) -> str:
        return service.removesuffix("." + SERVICE)[-SHORT:].lower()

    def _unknown(self) -> list[str]:
        return [name for name in self._kept if self._claimed(name) not in self._paired]


def read_service(
    service: str, texts: Mapping[bytes, bytes | None], hosts: Iterable[str], port: int | None
) -> Sighting | None:
    """A resolved service; None for one that says nothing of use. No text of it is trusted to be well-formed."""
    node, version = _text(texts, b"id"), _text(texts, b"v")
    addresses = tuple(dict.fromkeys(at(host, port) for host in hosts if usable(host)))[:MOST_ADDRESSES] if port else ()
    if not _NODE.fullmatch(node) or not addresses or not re.fullmatch(r"[0-9]{1,4}", version):
        return None
    join = _text(texts, b"join")
    instance = service.removesuffix("." + SERVICE)
    return Sighting(
        service=service,
        node=NodeId(node),
        name=label(re.sub(rf"-{node[:SHORT]}(-\d+)?$", "", instance)) or node[:SHORT],
        addresses=addresses,
        open=_text(texts, b"pair") == "1",
        protocol=int(version),
        join=join if _JOIN.fullmatch(join) else "",
    )


def usable(host: str) -> bool:
    """Whether somebody else's machine can be dialled there: no loopback, no group, no link-local address of IPv6
    without its scope.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.is_link_local and not address.scope_id:
        return False
    return not (address.is_loopback or address.is_multicast or address.is_unspecified)


def at(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_address(written: str) -> str:
    """`HOST`, `HOST:PORT`, `[HOST]:PORT` or a bare IPv6 address, with the port it stands for. Raises ValueError."""
    text = written.strip()
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
    elif text.count(":") > 1:
        host, colon, port = text, "", ""
    else:
        host, colon, port = text.partition(":")
    if ":" in host or text.startswith("["):
        ipaddress.IPv6Address(host)
    elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", host) or not _is_name(host):
        raise ValueError(f"'{label(written)}' is no address")
    if colon and not (colon == ":" and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"'{label(written)}' has no port from 1 to 65535")
    return at(host, int(port) if port else PORT)


def _is_name(host: str) -> bool:
    """Whether it can be looked up: no empty or overlong part, and what claims to be packed letters is that."""
    try:
        host.rstrip(".").encode("ascii").decode("idna").encode("idna")
    except UnicodeError:
        return False
    return True


def label(text: str) -> str:
    """What a stranger calls itself, fit to be shown: no control characters, no writing direction, not too long."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:LONGEST_NAME]


def _text(texts: Mapping[bytes, bytes | None], key: bytes) -> str:
    return (texts.get(key) or b"").decode("ascii", errors="replace")
