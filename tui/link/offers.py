"""Models that sites offer, and fetching one. Raises Refused or NoDaemon throughout."""

from collections.abc import AsyncIterator

import msgspec

from schema.errors import NoDaemon, Refused, why
from schema.models import Fetching, ModelWanted, Offer
from tui.link.ask import JSON, Asker, refuse

SEARCH_MOST = 40


class Offers(msgspec.Struct, frozen=True):
    items: tuple[Offer, ...]


class Told(msgspec.Struct, frozen=True):
    """A line of `POST /v1/models/get`."""

    progress: Fetching | None = None
    done: Fetching | None = None


async def offers(asker: Asker, words: str, of: str) -> tuple[Offer, ...]:
    """`of`: the list it would go to; empty: any. Refused where the settings do not allow it."""
    query: dict[str, str | int] = {"words": words, "limit": SEARCH_MOST, **({"list": of} if of else {})}
    return (await asker.get("/v1/models/search", Offers, query)).items


async def fetching(asker: Asker, wanted: ModelWanted) -> AsyncIterator[Fetching]:
    """A download's states until it has ended; the daemon goes on with it when nobody listens any more."""
    from aiohttp import ClientError, ClientTimeout

    if asker.as_of is not None:
        raise Refused("this is the past: nothing can be changed here.", remedy="Go back to now first.")
    try:
        async with asker.session().post(
            "http://daemon/v1/models/get", data=msgspec.json.encode(wanted), headers=JSON, timeout=ClientTimeout(None)
        ) as response:
            await refuse(response)
            async for line in response.content:
                told = msgspec.json.decode(line, type=Told)
                if (state := told.done or told.progress) is not None:
                    yield state
    except (ClientError, OSError) as e:
        raise NoDaemon(why(e)) from e
    except msgspec.DecodeError as e:
        raise Refused("the daemon's answer is not understood.", remedy="Is it of another version?") from e
