"""Pairing as the daemon does it: greet, prove the secret to one another, and connect once as those who know each other.

The agent's certificate is remembered at the greeting; every later call reaches the holder of that one, or nobody.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from daemon.fleet.link import LARGEST_ANSWER
from daemon.fleet.sightings import label
from daemon.fleet.trust.calls import Calls, Deny, PairRefused, foreign, paired
from daemon.fleet.trust.contexts import Stranger, pinned_context
from daemon.fleet.trust.keys import Keys
from daemon.fleet.trust.pake import Run
from daemon.fleet.trust.refusals import denied, other_version, wrong
from schema.ids import NodeId
from schema.keys import node_id_of, pem_of
from schema.orders import Card
from schema.pairing import PAIRING, Bound, Closing, Hello, Message, Reply, read_message, typed, version_of
from schema.pake import Mismatch, secret_of_code, secret_of_token
from schema.tokens import mark_of

__all__ = ["Greeting", "PairRefused", "Pairing", "greet", "pair"]

PROOF_SECONDS = 15.0
"""For the agent to change its listener and answer as the paired one."""

AGAIN_SECONDS = 0.15


class Greeting(NamedTuple):
    hello: Hello
    """Only what it claims, but for the node's id, which follows from the certificate."""
    certificate: bytes
    """DER."""


class Pairing(NamedTuple):
    node: NodeId
    name: str
    certificate: str
    """PEM: the pin."""
    address: str


async def greet(address: str) -> Greeting:
    """Who waits to be paired at `HOST:PORT`. Raises PairRefused."""
    stranger = Stranger()
    async with Calls(address, stranger.context) as calls:
        try:
            body = await calls.call("GET", "/pair/0")
        except Deny as deny:
            raise denied(address, deny.denied) from None
        except PairRefused as refused:
            # A paired agent ends a handshake without its daemon's certificate, and has shown its own by then.
            raise paired(address) if refused.kind == "gone" and stranger.certificates else refused from None
    return _greeting(address, body, stranger.certificates)


async def pair(
    address: str,
    secret: str | bytes,
    keys: Keys,
    epoch: int,
    *,
    node: NodeId | None,
    draw: Callable[[int], bytes] = os.urandom,
) -> Pairing:
    """`secret`: a code as it was typed, or a token's bytes; `node`: who it must be, where that is known.

    Raises PairRefused, and Refused for what is no code, before anybody is called.
    """
    hidden = secret_of_token(secret) if isinstance(secret, bytes) else secret_of_code(typed(secret))
    greeting = await greet(address)
    _check(address, greeting, secret, node)
    run = await asyncio.to_thread(Run, greeting.hello, greeting.certificate, hidden, keys, epoch, draw)
    pin = pem_of(greeting.certificate).decode("ascii")
    async with Calls(address, pinned_context(keys, pin)) as calls:
        try:
            await _agree(calls, run, address, greeting.hello)
        except PairRefused as refused:
            refused.name, refused.node = greeting.hello.name, greeting.hello.node
            raise
        await _proved(calls, address, greeting.hello)
    return Pairing(greeting.hello.node, label(greeting.hello.name) or greeting.hello.node[:8], pin, address)


async def _agree(calls: Calls, run: Run, address: str, hello: Hello) -> None:
    """The two messages of each side."""
    try:
        reply = _read(address, await calls.call("POST", "/pair/1", msgspec.msgpack.encode(run.opening)), Reply)
    except Deny as deny:
        raise denied(address, deny.denied) from None
    try:
        closing = await asyncio.to_thread(run.close, reply)
    except Mismatch:
        raise await _give_up(calls, run, address, hello) from None
    try:
        await _close(calls, run, address, closing)
    except PairRefused as refused:
        if refused.kind not in ("unreachable", "silent", "gone"):
            raise
        # Its answer was lost; whether it is paired shows in the call that follows.


async def _close(calls: Calls, run: Run, address: str, closing: Closing) -> None:
    try:
        bound = _read(address, await calls.call("POST", "/pair/2", msgspec.msgpack.encode(closing)), Bound)
        run.check(bound)
    except Deny as deny:
        raise denied(address, deny.denied) from None
    except Mismatch:
        raise foreign(address, "it names another agent than its certificate") from None


async def _give_up(calls: Calls, run: Run, address: str, hello: Hello) -> PairRefused:
    """The agent is told, so that its terminal tells of it and its next try may begin at once."""
    left: int | None = None
    seconds = 0.0
    with suppress(PairRefused):
        try:
            await calls.call("POST", "/pair/2", msgspec.msgpack.encode(run.give_up()))
        except Deny as deny:
            left, seconds = deny.denied.tries, deny.denied.seconds
    return wrong(address, hello.secret, left, seconds)


async def _proved(calls: Calls, address: str, hello: Hello) -> None:
    """The first call as those who know each other. Raises PairRefused."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PROOF_SECONDS
    while True:
        try:
            said = await calls.call("GET", "/v1/card", limit=LARGEST_ANSWER)
            break
        except (PairRefused, Deny) as fault:  # its listener changes: for a moment nobody answers, or the old one
            if loop.time() > deadline:
                raise _unproved(address, hello, str(fault)) from None
            await asyncio.sleep(AGAIN_SECONDS)
    try:
        card = msgspec.msgpack.decode(said, type=Card)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as fault:
        raise _unproved(address, hello, f"its card cannot be read ({fault})") from None
    if card.node != hello.node:
        raise _unproved(address, hello, "its card names another agent than its certificate")


def _unproved(address: str, hello: Hello, what: str) -> PairRefused:
    return PairRefused(
        "unproved",
        f"the agent at {address} took the pairing, but then did not answer as a paired one: {what}",
        remedy="Run `stablenew agent unpair` on its machine, and pair it again.",
        name=hello.name,
        node=hello.node,
    )


def _greeting(address: str, body: bytes, certificates: list[bytes]) -> Greeting:
    try:
        node = node_id_of(certificates[-1])
    except (ValueError, IndexError):
        raise foreign(address, "its certificate is not one of an agent") from None
    version = version_of(body)
    if version is not None and version != PAIRING:
        raise other_version(address, version)
    hello = _read(address, body, Hello)
    if hello.node != node:
        raise foreign(address, "it claims the name of another agent")
    if len(hello.name) > 200 or len(hello.release) > 100:
        raise foreign(address, "its name is longer than names are")
    return Greeting(hello, certificates[-1])


def _check(address: str, greeting: Greeting, secret: str | bytes, node: NodeId | None) -> None:
    hello = greeting.hello
    if node is not None and hello.node != node:
        raise PairRefused(
            "foreign",
            f"another agent than the one you chose answers at {address}.",
            remedy="Look at `stablenew node list`, and pair the one you mean.",
            name=hello.name,
            node=hello.node,
        )
    if isinstance(secret, str) and hello.secret == "token":
        sentence = "waits with a token and shows no code"
    elif isinstance(secret, bytes) and hello.secret == "code":
        sentence = "waits for a code, not for a token"
    elif isinstance(secret, bytes) and mark_of(secret) != hello.invite:
        sentence = "was started with another token"
    else:
        return
    raise PairRefused(
        "secret",
        f"the agent at {address} {sentence}.",
        remedy="Type the code that it shows, or start it with a token of this daemon: `stablenew agent join TOKEN`.",
        name=hello.name,
        node=hello.node,
    )


def _read(address: str, body: bytes, kind: type[Message]) -> Message:
    try:
        return read_message(body, kind)
    except ValueError:
        raise foreign(address, "its answer is none of a pairing") from None
