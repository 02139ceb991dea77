"""This agent as the network meets it: its port, its name there, and whom it serves, now and after every change.

The wiring of pairing: when somebody is pinned, or the pin is forgotten, the port, the announcement, the spool and the
epoch change hands together.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.advertise import Advertiser, Said
from agent.bench import Bench
from agent.fence import Fence
from agent.guards import for_pinned
from agent.holder import Holder
from agent.home import fleet_home
from agent.identity import Identity
from agent.network import Network
from agent.pairing.contexts import open_context, pinned_context
from agent.pairing.desk import Desk
from agent.pairing.keys import Kept
from agent.pairing.pins import Pin, Pins
from agent.pairing.routes import pairing_app
from agent.pairing.token import Token, forget_token
from agent.spool import Spool
from agent.standing import Standing, State
from schema.errors import why
from schema.pairing import CODE_SECONDS

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Between two looks whether the code has expired, or a daemon of this machine has gone."""


class Reach:
    """`run` for ever, after `begin`; `close` at the end. Also the seat that people of this machine ask."""

    def __init__(
        self,
        home: Path,
        identity: Identity,
        kept: Kept,
        pins: Pins,
        token: Token | None,
        *,
        network: Network,
        advertiser: Advertiser,
        holder: Holder,
        bench: Bench,
        routes: Callable[[Middleware], web.Application],
        clock: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        """`routes` makes the agent's own application behind a guard; `tell` prints a sentence for a person."""
        self._home = home
        self._identity = identity
        self._kept = kept
        self._pins = pins
        self._token = token
        self._network = network
        self._advertiser = advertiser
        self._holder = holder
        self._bench = bench
        self._routes = routes
        self._clock = clock
        self._tell = tell
        self._desk = self._new_desk()
        self._changes: set[asyncio.Task[None]] = set()
        self._one = asyncio.Lock()
        self._code: tuple[str | None, float] = (None, 0.0)
        """What was shown last, and since when."""
        self._heard = False
        """Whether its fleet's daemon was connected when that was told last."""

    async def begin(self) -> None:
        """Listens, for whoever is to be served. Raises OSError."""
        await self._serve()
        pin = self._pins.pinned
        for_whom = f"and works for the daemon {pin.fleet} alone" if pin else "for a daemon that it is paired with"
        if self._token is not None:
            for_whom = "and waits for the daemon that made its token"
        self._tell(f"It listens on port {self._network.port}, {for_whom}. Its own key is {self._kept.node}.")

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._advertiser.run())
            group.create_task(self._tend())

    async def close(self) -> None:
        for change in self._changes:
            change.cancel()
        await asyncio.gather(self._advertiser.stop(), self._network.close())

    # As a seat --------------------------------------------------------------------------------

    def told(self) -> Standing:
        code, since = self._code
        pin, ways = self._pins.pinned, self._advertiser
        state: State = (
            "paired" if pin else "local" if self._holder.is_local else "joining" if self._token else "waiting"
        )
        return Standing(
            node=self._identity.node,
            name=self._identity.name,
            release=self._identity.version,
            state=state,
            port=self._network.port,
            addresses=ways.addresses,
            announced=ways.service if ways.is_announced else "",
            trouble=ways.trouble,
            fleet=pin.fleet if pin else "",
            connected=self._holder.is_connected,
            code=code if state == "waiting" else None,
            code_s=round(max(0.0, CODE_SECONDS - (self._clock() - since)), 1) if state == "waiting" and code else 0.0,
        )

    def unpair(self) -> bool:
        """Forgets the daemon's pin, or a token that waits; opens the pairing anew once this was answered."""
        if self._pins.pinned is None and self._token is None:
            return False
        forget_token(self._home)
        self._pins.forget()
        self._token = None
        log.info("unpaired")
        self._tell("Unpaired: nobody on the network gives this agent work any more.")
        self._desk = self._new_desk()
        self.look()
        self._change(self._released())
        return True

    # Changing hands ---------------------------------------------------------------------------

    def _bound(self) -> None:
        """By the desk, once the pin is on disk and the daemon was told."""
        if (pin := self._pins.pinned) is not None:
            log.info("paired with %s", pin.fleet)
            self.look()
            self._change(self._given_to(pin))

    async def _given_to(self, pin: Pin) -> None:
        fleet = fleet_home(self._home, pin.fleet)
        fleet.mkdir(mode=0o700, parents=True, exist_ok=True)
        fence = Fence(fleet / "epoch")
        fence.begin(pin.epoch)  # a person has said so, whatever was heard of this fleet before
        self._bench.serve_for(Spool(fleet / "spool"), fence)
        self._token = None
        forget_token(self._home)
        await self._serve()

    async def _released(self) -> None:
        self._bench.serve_for(Spool(self._home / "spool"), Fence(self._home / "epoch"))
        await self._serve()

    async def _serve(self) -> None:
        pin = self._pins.pinned
        if pin is None:
            await self._network.serve(pairing_app(self._desk), open_context(self._kept))
        else:
            app = self._routes(for_pinned(self._pins, pin, self._holder))
            await self._network.serve(app, pinned_context(self._kept, pin))
        self._say()

    def _change(self, work: Coroutine[None, None, None]) -> None:
        async def one_by_one() -> None:
            async with self._one:
                try:
                    await work
                except OSError as fault:
                    log.exception("changing hands failed")
                    self._tell(f"The agent could not change hands ({why(fault)}): start it again.")

        task = asyncio.create_task(one_by_one(), name="change hands")
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    # What others are told ---------------------------------------------------------------------

    async def _tend(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(TICK_SECONDS)

    def look(self) -> None:
        """Draws a new code where one has expired; the desk tells it."""
        was, self._desk.taken = self._desk.taken, self._holder.taken()
        if self._desk.taken and not was:
            self._tell("The daemon of this machine uses the agent; it takes no pairing over the network meanwhile.")
        heard = self._pins.pinned is not None and self._holder.is_connected
        if heard != self._heard and self._pins.pinned is not None:
            self._tell("The daemon is connected." if heard else "The daemon has hung up; the agent waits for it.")
        self._heard = heard
        code = None if self._pins.pinned else self._desk.code
        if code != self._code[0]:
            self._code = (code, self._clock())
        self._say()

    def _say(self) -> None:
        open_ = self._pins.pinned is None and not self._holder.is_local
        self._advertiser.say(Said(open_, self._token.short if open_ and self._token else ""))

    def _new_desk(self) -> Desk:
        return Desk(
            self._kept, self._pins, self._advertiser.name, self._identity.version,
            clock=self._clock, token=self._token, tell=self._tell, bound=self._bound,
        )  # fmt: skip
