"""The token form of pairing: one string that is pasted, valid once, for a day, and for one daemon alone."""

import sys
from hashlib import sha256
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `pairing_world`

from pairing_world import drawn, keys_at, rig_at

from agent.pairing.token import forget_token, kept_token
from daemon.fleet.trust.invites import MOST, Invites
from daemon.fleet.trust.pairing import PairRefused, greet, pair
from schema.errors import Refused
from schema.pairing import LOCK_SECONDS, TRIES
from schema.tokens import TOKEN_SECONDS, Token, mark_of, read_token, short_of, token_text
from tui.cli.agents import lay_token


class Wall:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def keys(tmp_path):
    return keys_at(tmp_path / "daemon")


@pytest.fixture
def invites(tmp_path, keys, wall):
    return Invites(tmp_path / "daemon/invites.json", keys, wall)


async def test_an_agent_with_a_token_is_paired_without_anybody_typing(tmp_path, keys, invites):
    text, _ = invites.new()
    async with rig_at(tmp_path / "agent", token=read_token(text)) as rig:
        assert rig.desk.code is None, "there is nothing to read"
        greeting = await greet(rig.address)
        invite = invites.of(greeting.hello)
        pairing = await pair(rig.address, invite.secret, keys, 7, node=greeting.hello.node)
        invites.spent(invite)
        assert pairing.node == rig.kept.node and rig.trusted == keys.certificate
        assert rig.pins.pinned.epoch == 7
        assert invites.of(greeting.hello) is None and not invites.waiting()


async def test_a_token_of_another_daemon_is_refused_by_the_agent(tmp_path, keys, invites):
    """Though that daemon has stolen the secret: the token names the certificate too."""
    text, _ = invites.new()
    thief = keys_at(tmp_path / "thief")
    async with rig_at(tmp_path / "agent", token=read_token(text)) as rig:
        with pytest.raises(PairRefused, match="waits for the daemon that made its token"):
            await pair(rig.address, invites.waiting()[0].secret, thief, 1, node=None)
        assert rig.trusted is None
        assert "not the daemon that made this agent's token" in rig.told[-1]


async def test_a_guessed_token_is_refused_and_five_of_them_lock(tmp_path, keys, invites, monkeypatch):
    text, _ = invites.new()
    async with rig_at(tmp_path / "agent", token=read_token(text)) as rig:
        with pytest.raises(PairRefused, match="started with another token"):
            await pair(rig.address, bytes(16), keys, 1, node=None)
        monkeypatch.setattr("daemon.fleet.trust.pairing.mark_of", lambda secret: mark_of(read_token(text).secret))
        for _ in range(2):  # the lock does not grow: nobody guesses 128 bits, and nobody is there to unlock it
            for _ in range(TRIES):
                with pytest.raises(PairRefused, match="the token is not the one"):
                    await pair(rig.address, bytes(16), keys, 1, node=None)
            with pytest.raises(PairRefused, match=f"another {LOCK_SECONDS:.0f} s"):
                await pair(rig.address, bytes(16), keys, 1, node=None)
            rig.clock.now += LOCK_SECONDS
        assert rig.trusted is None


async def test_a_code_opens_no_agent_that_waits_with_a_token_and_the_reverse(tmp_path, keys, invites):
    text, _ = invites.new()
    async with rig_at(tmp_path / "one", token=read_token(text)) as one, rig_at(tmp_path / "two") as two:
        with pytest.raises(PairRefused, match="waits with a token"):
            await pair(one.address, "12345678", keys, 1, node=None)
        with pytest.raises(PairRefused, match="waits for a code"):
            await pair(two.address, invites.waiting()[0].secret, keys, 1, node=None)
        assert one.trusted is None and two.trusted is None


async def test_a_token_is_used_once_and_for_a_day(tmp_path, keys, invites, wall):
    first, until = invites.new()
    second, _ = invites.new()
    assert until == wall.now + TOKEN_SECONDS
    async with rig_at(tmp_path / "agent", token=read_token(first)) as rig:
        hello = (await greet(rig.address)).hello
        assert invites.of(hello).secret == read_token(first).secret != read_token(second).secret
        again = Invites(tmp_path / "daemon/invites.json", keys, wall)
        assert again.of(hello) == invites.of(hello), "a daemon that is restarted knows its tokens"
        again.spent(again.of(hello))
        assert again.of(hello) is None, "spent"
        assert Invites(tmp_path / "daemon/invites.json", keys, wall).of(hello) is None
        wall.now += TOKEN_SECONDS
        assert invites.of(hello) is None and again.waiting() == [], "expired"
        wall.now -= 10 * TOKEN_SECONDS
        assert invites.of(hello) is None, "a clock that was set back gives no token a longer life"


def test_tokens_are_kept_for_this_user_alone_and_not_without_end(tmp_path, invites, keys, wall):
    for _ in range(3):
        invites.new()
    file = tmp_path / "daemon/invites.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len({invite.secret for invite in invites.waiting()}) == 3
    for _ in range(MOST - 3):
        invites.new()
    with pytest.raises(Refused, match="wait to be used"):
        invites.new()
    file.write_bytes(b"[{")
    with pytest.raises(Refused, match=r"invites.json: .*damaged.*Remove it"):
        Invites(file, keys, wall)


def test_a_token_is_read_as_it_was_pasted():
    token = Token(drawn()(16), sha256(b"certificate").digest())
    text = token_text(token)
    assert text.startswith("snj1.") and len(text) == 5 + 77
    for pasted in (text, text.upper(), f"  {text}\n", text[:40] + "\n" + text[40:]):
        assert read_token(pasted) == token
    assert token.is_for(b"certificate") and not token.is_for(b"another")
    assert token.short == short_of(b"certificate")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[:-1], "not whole"),
        (lambda text: text[:30], "not whole"),
        (lambda text: text + "a", "not whole"),
        (lambda text: text[:9] + "0" + text[10:], "not whole, or mistyped"),
        (lambda text: "snj2." + text[5:], "no token"),
        (lambda text: text[5:], "no token"),
        (lambda text: "", "no token"),
        (lambda text: "snj1.", "not whole"),
        (lambda text: "4829-1307", "no token"),
    ],
)
def test_what_is_no_token_is_told_with_what_to_do(change, words):
    text = token_text(Token(bytes(16), bytes(32)))
    with pytest.raises(Refused, match=words) as told:
        read_token(change(text))
    assert told.value.remedy


def test_a_token_waits_on_the_agents_disk_until_it_is_paired(tmp_path):
    token = Token(drawn()(16), bytes(32))
    assert kept_token(tmp_path) is None
    forget_token(tmp_path)
    lay_token(tmp_path, token_text(token))
    assert (tmp_path / "keys/token").stat().st_mode & 0o777 == 0o600
    assert kept_token(tmp_path) == token
    (tmp_path / "keys/token").write_text("snj1.garbage")
    with pytest.raises(Refused, match=r"keys/token: .*mistyped.*Remove"):
        kept_token(tmp_path)
    forget_token(tmp_path)
    assert kept_token(tmp_path) is None


def test_what_is_announced_of_a_token_gives_nothing_of_it_away():
    secret = drawn()(16)
    assert mark_of(secret) not in secret.hex() and len(mark_of(secret)) == 16
    assert mark_of(secret) != mark_of(secret[:-1] + b"\0")
