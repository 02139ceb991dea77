"""What somebody may shout into a network by mDNS: a storm of agents that do not exist, or another's goodbye.

    python strange_air.py storm SECONDS NAMES PACKETS_PER_SECOND
    python strange_air.py goodbye LABEL [LABEL ...]

Shares no code with the program.
"""

import hashlib
import socket
import struct
import sys
import time

from zeroconf import DNSAddress, DNSOutgoing, DNSPointer, DNSService, DNSText, current_time_millis

SERVICE = "_stablenew-agent._tcp.local."
GROUP = ("224.0.0.251", 5353)
RESPONSE, IN, UNIQUE = 0x8400, 1, 0x8001
A, PTR, TXT, SRV = 1, 12, 16, 33


def speaker() -> socket.socket:
    speaking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    speaking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    speaking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    speaking.bind(("", 5353))
    speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    by = struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex("eth0"))
    speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, by)
    return speaking


def announcement(number: int) -> bytes:
    node = hashlib.sha256(str(number).encode()).hexdigest()[:26]
    label, now = f"ghost{number}-{node[:8]}", current_time_millis()
    name, host = f"{label}.{SERVICE}", f"{label}.local."
    text = b"".join(bytes([len(item)]) + item for item in (f"id={node}".encode(), b"v=1", b"pair=1"))
    packet = DNSOutgoing(RESPONSE)
    packet.add_answer_at_time(DNSPointer(SERVICE, PTR, IN, 4500, name, now), now)
    packet.add_answer_at_time(DNSService(name, SRV, UNIQUE, 120, 0, 0, 7801, host, now), now)
    packet.add_answer_at_time(DNSText(name, TXT, UNIQUE, 4500, text, now), now)
    packet.add_answer_at_time(DNSAddress(host, A, UNIQUE, 120, bytes([10, 77, 9, number % 250 + 1]), created=now), now)
    return packet.packets()[0]


def storm(seconds: float, names: int, rate: float) -> int:
    packets = [announcement(number) for number in range(names)]
    speaking, began, sent = speaker(), time.monotonic(), 0
    while (gone := time.monotonic() - began) < seconds:
        while sent < gone * rate:
            speaking.sendto(packets[sent % names], GROUP)
            sent += 1
        time.sleep(0.001)
    return sent


def goodbye(label: str) -> None:
    """Of a service that is another's: its pointer, to live no longer."""
    packet = DNSOutgoing(RESPONSE)
    packet.add_answer_at_time(DNSPointer(SERVICE, PTR, IN, 0, f"{label}.{SERVICE}"), 0)
    speaker().sendto(packet.packets()[0], GROUP)


def main(words: list[str]) -> None:
    match words:
        case ["storm", seconds, names, rate]:
            print(storm(float(seconds), int(names), float(rate)))
        case ["goodbye", *labels]:
            for label in labels:
                goodbye(label)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
