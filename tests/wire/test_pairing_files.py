"""Keys, pins and who may read them: whole or not at all, and a damaged one is named and never replaced."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `pairing_world`

from pairing_certificates import forged, p256, p384, rsa2048
from pairing_world import keys_at, rig_at

from agent.pairing import durable, pins
from agent.pairing.keys import kept_identity
from agent.pairing.pins import Pin, Pins
from daemon.fleet.trust.keys import kept_keys
from daemon.fleet.trust.pairing import PairRefused, pair
from schema.errors import Refused
from schema.keys import der_of, node_id_of

Made = Callable[[Path], tuple[str, bytes]]


def _agent(home: Path) -> tuple[str, bytes]:
    kept = kept_identity(home, "rig2")
    return kept.node, kept.certificate


def _daemon(home: Path) -> tuple[str, bytes]:
    keys = kept_keys(home / "keys", "daemon")
    return keys.fleet, keys.certificate


BOTH = pytest.mark.parametrize("made", [_agent, _daemon], ids=["agent", "daemon"])


@BOTH
def test_a_key_is_made_once_and_is_this_users_alone(tmp_path, made: Made):
    first = made(tmp_path)
    assert made(tmp_path) == first
    keys = tmp_path / "keys"
    assert keys.stat().st_mode & 0o777 == 0o700
    assert (keys / "key.pem").stat().st_mode & 0o777 == 0o600
    assert first[0] == node_id_of(first[1]) and len(first[0]) == 26
    assert der_of((keys / "cert.pem").read_bytes()) == first[1]
    assert {path.name for path in keys.iterdir()} == {"key.pem", "cert.pem"}, "something was left behind"


@BOTH
def test_what_others_could_read_is_closed(tmp_path, made: Made):
    made(tmp_path)
    (tmp_path / "keys/key.pem").chmod(0o644)
    (tmp_path / "keys").chmod(0o755)
    made(tmp_path)
    assert (tmp_path / "keys/key.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


@BOTH
def test_a_copy_of_the_certificate_that_is_missing_is_written_again(tmp_path, made: Made):
    first = made(tmp_path)
    (tmp_path / "keys/cert.pem").unlink()
    assert made(tmp_path) == first
    assert der_of((tmp_path / "keys/cert.pem").read_bytes()) == first[1]


def _cut(text: bytes) -> bytes:
    return text[: len(text) // 2]


def _other_certificate(text: bytes) -> bytes:
    return text[: text.index(b"-----BEGIN CERT")] + forged(p256()).pem()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda text: b"",
    "cut off": _cut,
    "zeros": lambda text: bytes(len(text)),
    "a key without its certificate": lambda text: text[: text.index(b"-----BEGIN CERT")],
    "a certificate without its key": lambda text: text[text.index(b"-----BEGIN CERT") :],
    "the certificate of another key": _other_certificate,
    "two certificates": lambda text: text + forged(p256()).pem(),
    "RSA": lambda text: (other := forged(rsa2048())).key_pem() + other.pem(),
    "P-384": lambda text: (other := forged(p384())).key_pem() + other.pem(),
}


@BOTH
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_key_is_named_with_its_remedy_and_left_as_it_is(tmp_path, made: Made, damage):
    made(tmp_path)
    key = tmp_path / "keys/key.pem"
    key.write_bytes(damaged := damage(key.read_bytes()))
    with pytest.raises(Refused, match=r"key\.pem") as told:
        made(tmp_path)
    assert "backup" in told.value.remedy
    assert key.read_bytes() == damaged, "it was written over"


@BOTH
def test_a_key_that_is_gone_is_not_made_anew_beside_its_certificate(tmp_path, made: Made):
    made(tmp_path)
    (tmp_path / "keys/key.pem").unlink()
    with pytest.raises(Refused, match="missing"):
        made(tmp_path)
    assert not (tmp_path / "keys/key.pem").exists()


@BOTH
def test_a_certificate_of_another_key_beside_it_is_named(tmp_path, made: Made):
    made(tmp_path)
    (tmp_path / "keys/cert.pem").write_bytes(forged(p256()).pem())
    with pytest.raises(Refused, match=r"cert.pem.*belongs to the key"):
        made(tmp_path)


@BOTH
def test_a_disk_that_takes_no_key_leaves_none_behind(tmp_path, made: Made, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        made(tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / "keys/key.pem").exists()
    made(tmp_path)


# The pin ------------------------------------------------------------------------------------------


def test_a_pin_outlives_the_process_and_is_forgotten_for_good(tmp_path):
    keys = keys_at(tmp_path / "daemon")
    store = Pins(tmp_path)
    assert store.pinned is None
    store.forget()
    store.keep(pin := Pin(keys.certificate, keys.fleet, 3))
    assert Pins(tmp_path).pinned == pin
    assert (tmp_path / "keys/pin.json").stat().st_mode & 0o777 == 0o600
    store.forget()
    assert store.pinned is None and Pins(tmp_path).pinned is None


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"certificate":"x","fleet":"y","epoch":1}', b"\xff"])
def test_a_damaged_pin_never_opens_a_paired_agent(tmp_path, damage):
    keys = keys_at(tmp_path / "daemon")
    Pins(tmp_path).keep(Pin(keys.certificate, keys.fleet, 3))
    (tmp_path / "keys/pin.json").write_bytes(damage)
    with pytest.raises(Refused, match=r"pin.json.*damaged.*unpair"):
        Pins(tmp_path)


def test_a_pin_that_names_another_daemon_than_its_certificate_is_damaged(tmp_path):
    one, other = keys_at(tmp_path / "one"), keys_at(tmp_path / "other")
    Pins(tmp_path).keep(Pin(one.certificate, other.fleet, 3))
    with pytest.raises(Refused, match="names another daemon"):
        Pins(tmp_path)


async def test_the_pin_is_on_disk_before_the_daemon_is_told(tmp_path, monkeypatch):
    """The order of what happens: file synced, renamed, folder synced, and only then the answer."""
    happened: list[str] = []
    for module, name in ((durable, "sync_folder"), (pins, "write_private")):
        real = getattr(module, name)

        def noted(*words: object, _real: Callable[..., None] = real, _name: str = name) -> None:
            _real(*words)
            happened.append(_name)

        monkeypatch.setattr(module, name, noted)
    async with rig_at(tmp_path / "agent") as rig:
        keys = keys_at(tmp_path / "daemon")
        happened.clear()
        close = rig.desk.close

        def closing(*words: object) -> object:
            bound = close(*words)
            assert (tmp_path / "agent/keys/pin.json").exists()
            happened.append("answered")
            return bound

        rig.desk.close = closing
        await pair(rig.address, rig.code, keys, 1, node=None)
    assert happened == ["sync_folder", "write_private", "answered"]


async def test_a_disk_that_takes_no_pin_takes_no_daemon_and_the_code_stays(tmp_path, monkeypatch):
    async with rig_at(tmp_path / "agent") as rig:
        keys, code = keys_at(tmp_path / "daemon"), rig.code

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(pins, "write_private", full)
        with pytest.raises(PairRefused, match="could not store"):
            await pair(rig.address, code, keys, 1, node=None)
        assert rig.trusted is None and "no space left on device" in rig.told[-1]
        monkeypatch.undo()
        assert rig.code == code
        await pair(rig.address, code, keys, 1, node=None)
        assert rig.trusted == keys.certificate
