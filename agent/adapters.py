"""Addresses of this machine that others on the network can use, the likeliest first. Read anew whenever it is asked."""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

import ifaddr

MOST = 8
"""Addresses that are told; more make no machine easier to find."""

OWN = re.compile(r"(docker|br-[0-9a-f]|virbr|lxcbr|lxdbr|podman|cni|flannel|cali|vmnet|vboxnet)")
"""How interfaces begin that lead to containers and virtual machines of this machine only."""

SHARED = ip_network("100.64.0.0/10")
"""Tailscale and carriers: reached by some."""


class Adapter(NamedTuple):
    name: str
    addresses: tuple[str, ...]
    """Without scopes."""


def adapters() -> tuple[Adapter, ...]:
    """As they are now, sorted. Raises OSError."""
    found = [
        Adapter(each.name, tuple(sorted(ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in each.ips)))
        for each in ifaddr.get_adapters()
    ]
    return tuple(sorted(found))


def published(found: Iterable[Adapter]) -> tuple[str, ...]:
    """No loopback, no link-local IPv6 (its scope is lost on the way), no bridge to this machine's own containers."""
    kept = [
        address
        for adapter in found
        if not OWN.match(adapter.name)
        for text in adapter.addresses
        if _is_reachable(address := ip_address(text))
    ]
    alone = [address for address in kept if not address.is_link_local]
    return tuple(dict.fromkeys(str(each) for each in sorted(alone or kept, key=_rank)))[:MOST]


Look = Callable[[], tuple[Adapter, ...]]


def _is_reachable(address: IPv4Address | IPv6Address) -> bool:
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        return False
    return not (address.version == 6 and address.is_link_local)


def _rank(address: IPv4Address | IPv6Address) -> tuple[int, str]:
    """A home's own addresses first; IPv4 before IPv6, as more of what stands between passes it on."""
    if address.version == 4:
        return (2 if address in SHARED else 0 if address.is_private else 1), str(address)
    return (3 if address.is_private else 4), str(address)
