"""The daemon's feed for as long as somebody looks: frames, and silence while there is none.

Losing the daemon is no exception here but news: `Silence` says why and when it is tried again.
"""

import asyncio
import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec

from schema.errors import NoDaemon, Refused, why
from schema.scenes import Frame
from tui.link.ask import Asker

FIRST_WAIT = 0.25
LONGEST_WAIT = 5.0
"""Seconds between two tries; doubles from the first to the longest."""

LARGEST_FRAME = 16 << 20
"""Bytes; a Welcome with 200 runs is far below."""

SILENCE_LIMIT = 20.0
"""Seconds between two pings; a daemon that answers none is gone."""


@dataclass(frozen=True)
class Silence:
    """Nobody speaks."""

    reason: str
    again_in: float
    """Seconds until the next try."""


News = Frame | Silence


async def news(asker: Asker, rate: int) -> AsyncIterator[News]:
    """All news for ever, at most `rate` frames a second; ends only when it is closed."""
    pause = FIRST_WAIT
    while True:
        reason = "the feed ended"
        try:
            async for frame in frames(asker, rate):
                pause = FIRST_WAIT
                yield frame
        except (NoDaemon, Refused) as e:
            reason = str(e)
        yield Silence(reason, pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_WAIT)


async def frames(asker: Asker, rate: int) -> AsyncIterator[Frame]:
    """The frames of one connection. Raises NoDaemon when it breaks or speaks nonsense.

    Whoever stops listening leaves the connection to the questions that are under way on it.
    """
    await asker.loaded()
    from aiohttp import ClientError, WSMsgType

    decoder = msgspec.msgpack.Decoder(Frame)
    try:
        session = asker.session()
        async with session.ws_connect(
            f"http://daemon/v1/feed?rate={rate}", max_msg_size=LARGEST_FRAME, heartbeat=SILENCE_LIMIT
        ) as socket:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    yield decoder.decode(message.data)
                elif message.type is WSMsgType.ERROR:
                    break
    except msgspec.DecodeError as e:
        await asker.drop()
        raise NoDaemon("what the daemon tells is not understood; is it of another version?") from e
    except (ClientError, OSError, TimeoutError) as e:
        await asker.drop()
        killed = isinstance(e, OSError) and e.errno == errno.ECONNREFUSED  # its socket is there, and nobody behind it
        raise NoDaemon("it has ended; `: start the daemon` starts one" if killed else why(e)) from e
    await asker.drop()
