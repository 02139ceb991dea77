"""What the nodes have: models, samplers, LoRAs and whatever else a stage can ask for by name."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from aiohttp import web

from daemon.api.asked import number
from daemon.api.house import House
from daemon.api.route import Route
from daemon.api.told import answer
from daemon.api.which import fitting
from daemon.prompting.needs import WORDS, listed
from daemon.scheduling.able import Known
from daemon.scheduling.fitness import STAND_IN, is_real
from daemon.views.select import NotFound
from schema.errors import Refused
from schema.names import nearest
from schema.orders import BackendCard
from schema.pages import Resource

LISTS = tuple(name for name in WORDS if name != "workflows")

EVERYTHING = 1_000_000


class Resources(msgspec.Struct, frozen=True):
    items: tuple[Resource, ...]
    total: int


async def list_resources(house: House, request: web.Request) -> web.StreamResponse:
    """The stand-in's own names are told where nothing else is there, or where it is asked for."""
    query = request.query
    wanted = query.get("list", "")
    if wanted and wanted not in LISTS:
        near = nearest(wanted, LISTS) or LISTS
        raise Refused(f"there is no list '{wanted[:40]}'.", where="list", remedy=f"Take one of {', '.join(near)}.")
    words = query.get("filter", "").lower().split()
    asked = _asked(house.known(), query.get("node", ""))
    first, most = number(request, "offset", 0), number(request, "limit", EVERYTHING)

    def found() -> web.Response:
        items = tuple(
            one
            for one in _resources(asked, query.get("backend", ""))
            if wanted in ("", one.list) and all(word in one.name.lower() for word in words)
        )
        return answer(Resources(items[first : first + most], len(items)))

    return await asyncio.to_thread(found)  # there may be thousands of LoRAs


def _asked(known: Sequence[Known], node: str) -> Sequence[Known]:
    """The node that is named, or all. Raises NotFound naming the nodes there are."""
    found = fitting([(one, (one.id, one.name)) for one in known], node) if node else known
    if node and not found:
        names = ", ".join(f"{one.name} ({one.id})" for one in known) or "none yet"
        raise NotFound(f"no node '{node[:80]}' is known.", where="--node", remedy=f"There are: {names}.")
    return found


def _resources(known: Iterable[Known], backend: str) -> Iterator[Resource]:
    """By list, then by name; each with those that have it."""
    owners: dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for node, card in _offered(list(known), backend):
        for list_ in LISTS:
            for name in listed(card, list_):
                nodes, backends = owners.setdefault((list_, name), ({}, {}))
                nodes[node], backends[card.kind] = None, None
    for list_, name in sorted(owners, key=lambda key: (LISTS.index(key[0]), key[1].lower(), key[1])):
        nodes, backends = owners[(list_, name)]
        yield Resource(list=list_, name=name, nodes=tuple(nodes), backends=tuple(backends))


def _offered(known: list[Known], backend: str) -> Iterator[tuple[str, BackendCard]]:
    real = is_real(card.kind for one in known if one.card for card in one.card.backends)
    for one in known:
        for card in one.card.backends if one.card else ():
            if card.kind == backend or (not backend and not (real and card.kind == STAND_IN)):
                yield one.name, card


ROUTES = (
    Route(
        method="GET", path="/v1/resources", run=list_resources, gives=Resources,
        query=("list", "node", "backend", "filter", "offset", "limit"),
        scope="read", does="List models, samplers, LoRAs and so on with their owners.",
    ),
)  # fmt: skip
