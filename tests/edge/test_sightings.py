"""What is kept of what anybody shouts on the network: bounded, hints only, paired nodes never crowded out."""

import pytest

from daemon.fleet.sightings import (
    MOST_ADDRESSES,
    MOST_NAMES,
    MOST_UNKNOWN,
    Sighting,
    Sightings,
    label,
    read_address,
    read_service,
    usable,
)
from schema.ids import NodeId
from schema.pairing import SERVICE

NODE = NodeId("abcdefgh234567abcdefgh2345")
OTHER = NodeId("zzzzzzzz234567abcdefgh2345")
TEXTS = {b"id": NODE.encode(), b"v": b"1", b"pair": b"1"}


def service(name: str, node: str = NODE) -> str:
    return f"{name}-{node[:8]}.{SERVICE}"


def seen(node: NodeId = NODE, name: str = "rig", *addresses: str) -> Sighting:
    return Sighting(service(name, node), node, name, addresses or ("10.0.0.2:7801",), True, 1)


# Read -----------------------------------------------------------------------------------------------


def test_a_service_is_read_with_its_addresses_as_they_come():
    read = read_service(service("my-rig"), {**TEXTS, b"join": b"abcdefgh"}, ["10.0.0.2", "fd00::7"], 7801)
    assert read == Sighting(
        service("my-rig"), NODE, "my-rig", ("10.0.0.2:7801", "[fd00::7]:7801"), True, 1, "abcdefgh"
    )  # fmt: skip


@pytest.mark.parametrize(
    "texts",
    [
        {}, {**TEXTS, b"id": b""}, {**TEXTS, b"id": b"../../etc/passwd"}, {**TEXTS, b"id": b"a" * 27},
        {**TEXTS, b"id": b"ABCDEFGH234567ABCDEFGH2345"}, {**TEXTS, b"id": b"\xff" * 26}, {**TEXTS, b"id": None},
        {**TEXTS, b"v": b""}, {**TEXTS, b"v": b"-1"}, {**TEXTS, b"v": b"99999"}, {**TEXTS, b"v": "١".encode()},
    ],
)  # fmt: skip
def test_one_that_says_nothing_of_use_is_passed_by(texts):
    assert read_service(service("rig"), texts, ["10.0.0.2"], 7801) is None


@pytest.mark.parametrize("port", [None, 0])
def test_one_without_a_port_is_passed_by(port):
    assert read_service(service("rig"), TEXTS, ["10.0.0.2"], port) is None


def test_addresses_that_lead_to_nobody_elses_machine_are_dropped():
    hosts = ["127.0.0.1", "::1", "fe80::1", "224.0.0.251", "ff02::fb", "0.0.0.0", "::", "nonsense", ""]
    assert read_service(service("rig"), TEXTS, hosts, 7801) is None
    assert [host for host in hosts if usable(host)] == []
    assert usable("fe80::1%eth0") and usable("169.254.3.4") and usable("100.64.0.9")


def test_a_hundred_addresses_are_eight():
    read = read_service(service("rig"), TEXTS, [f"10.0.0.{n}" for n in range(1, 101)], 7801)
    assert read is not None and len(read.addresses) == MOST_ADDRESSES


def test_names_are_shown_without_what_drives_a_terminal():
    assert label("\x1b]52;c;cm0gLXJm\x07rig\u202e\n") == "]52;c;cm0gLXJmrig"
    read = read_service(service("\x1b[2Jrig\u202e" + "x" * 500), TEXTS, ["10.0.0.2"], 7801)
    assert read is not None and read.name.isprintable() and len(read.name) <= 63


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("10.0.0.2", "10.0.0.2:7801"), ("10.0.0.2:99", "10.0.0.2:99"), (" rig.local ", "rig.local:7801"),
        ("rig", "rig:7801"), ("fd00::7", "[fd00::7]:7801"), ("[fd00::7]", "[fd00::7]:7801"),
        ("[fd00::7]:99", "[fd00::7]:99"), ("100.101.2.3:7801", "100.101.2.3:7801"),
    ],
)  # fmt: skip
def test_an_address_is_read_as_people_write_it(written, read):
    assert read_address(written) == read


@pytest.mark.parametrize(
    "written",
    ["", " ", ":7801", "rig:", "rig:0x1", "rig:65536", "rig:0", "http://rig", "rig/7", "a b", "-rig", "[fd00::7]:x",
     "fd00::zz", "1:2:3", "rig:７８", "user@rig",
     "xn--", "xn--a", "a..b", "a" * 64],
)  # fmt: skip
def test_what_is_no_address_is_refused(written):
    with pytest.raises(ValueError):
        read_address(written)


def test_a_lie_with_many_addresses_crowds_out_nobody():
    sightings = Sightings()
    sightings.expect([NODE])
    true = seen()
    lie = true._replace(service=service("lie"), addresses=tuple(f"10.6.6.{n}:1" for n in range(8)))
    for one in (true, lie):
        sightings.wants(one.service)
        sightings.saw(one)
    assert true.addresses[0] in sightings.candidates(NODE, "10.0.0.200:7801")[:3]


# Kept -----------------------------------------------------------------------------------------------


def test_strangers_are_shown_and_paired_nodes_are_not():
    sightings = Sightings()
    for one in (seen(), seen(OTHER, "other")):
        assert sightings.wants(one.service)
        assert sightings.saw(one)
    assert [one.name for one in sightings.strangers()] == ["rig", "other"]
    sightings.expect([NODE])
    assert [one.name for one in sightings.strangers()] == ["other"]
    assert sightings.paired == {NODE}


def test_the_last_good_address_comes_first_and_then_the_newest():
    sightings = Sightings()
    sightings.saw(seen(NODE, "rig", "10.0.0.2:7801"))
    sightings.saw(seen(NODE, "rig-2", "10.0.0.9:7801", "10.0.0.2:7801"))
    assert sightings.candidates(NODE, "10.0.0.1:7801") == ("10.0.0.1:7801", "10.0.0.9:7801", "10.0.0.2:7801")
    assert sightings.candidates(NODE, "") == ("10.0.0.9:7801", "10.0.0.2:7801")
    assert sightings.candidates(OTHER, "10.0.0.1:7801") == ("10.0.0.1:7801",)


def test_the_same_again_is_no_news():
    sightings = Sightings()
    assert sightings.saw(seen())
    assert not sightings.saw(seen())
    assert sightings.saw(seen(NODE, "rig", "10.0.0.3:7801"))


def test_what_cannot_be_resolved_any_more_is_tried_once_again_and_then_forgotten():
    sightings = Sightings()
    sightings.saw(seen())
    assert sightings.lost(service("rig"))
    assert sightings.names() == (service("rig"),) and sightings.strangers() == ()
    assert not sightings.lost(service("rig"))
    assert sightings.names() == ()


def test_a_flood_of_names_is_cut_short_and_paired_nodes_are_still_heard():
    sightings = Sightings()
    sightings.expect([NODE])
    wanted = [name for name in (service(f"flood{n}", f"{n:08d}") for n in range(20_000)) if sightings.wants(name)]
    assert len(wanted) == MOST_UNKNOWN
    assert sightings.wants(service("rig"))
    assert sightings.wants(wanted[0])  # one that is known already
    lies = [name for name in (service(f"liar{n}") for n in range(1000)) if sightings.wants(name)]
    assert len(lies) == MOST_NAMES - 1
    sightings.lost(wanted[0])
    assert sightings.wants(service("late", "late2345"))


def test_what_a_person_named_is_a_candidate_and_never_resolved():
    sightings = Sightings()
    sightings.saw(seen()._replace(service="at 10.0.0.5:7801", addresses=("10.0.0.5:7801",), named=True))
    assert sightings.names() == ()
    assert sightings.candidates(NODE, "") == ("10.0.0.5:7801",)
