"""The small picture that a node has to draw before it is trusted: what is a proof, and what is not."""

import asyncio
from types import SimpleNamespace

import pytest

from daemon.core.state import Node, State
from daemon.core.vitals import Vitals
from daemon.fleet.attempt import PROBE
from daemon.fleet.probe import SIDE, Prober, Proofs
from daemon.fleet.results import Rejected
from schema.events import NodeProbed
from schema.ids import NodeId, Seq, Sha256, Token
from schema.observations import ProbeEnded, ProbeWanted
from schema.orders import Accepted, AttemptReport, BackendCard, Card, Order, Product, Result

NODE, TOKEN = NodeId("rig"), Token(7)
SKETCH = BackendCard(kind="sketch", kinds=("txt2img",), models=("toy",))
GOOD = SimpleNamespace(width=SIDE, height=SIDE, flat="")


class Books:
    """A ledger of one node; what it is told becomes true, as the core has it."""

    def __init__(self, prober: "Made", probe: Token | None, proved: bool) -> None:
        self.state = State(epoch=Seq(3), nodes={NODE: Node(id=NODE, name="rig", instance="i", probe=probe)})
        self.state.nodes[NODE].proved = proved
        self.told: list[object] = []
        self.ended = asyncio.Event()
        self._made = prober

    async def observe(self, observation: object) -> None:
        self.told.append(observation)
        if isinstance(observation, ProbeWanted):
            self.state.nodes[NODE].probe = TOKEN
            self._made.prober.begin(TOKEN)
        if isinstance(observation, ProbeEnded):
            self.state.nodes[NODE].probe = None
            self.ended.set()

    async def ask(self, question):
        return question(self.state)


class Agent:
    """One that answers as it is told to, and keeps what it was asked."""

    def __init__(self, made: "Made", report: dict, answers: list[Accepted]) -> None:
        self.made, self._report, self._answers = made, report, answers
        self.orders: list[Order] = []
        self.forgotten: list[str] = []

    async def start(self, attempt: str, order: Order) -> Accepted:
        self.orders.append(order)
        if self._answers:
            return self._answers.pop(0)
        report = AttemptReport(job=order.job, stage=order.stage, token=order.token, **self._report)
        asyncio.get_running_loop().call_later(0.01, self.made.prober.came, report)
        return Accepted(state="accepted")

    async def attempts(self) -> list[AttemptReport]:
        return []

    async def cancel(self, attempt: str) -> bool:
        return True

    async def forget(self, attempt: str) -> None:
        self.forgotten.append(attempt)

    async def blob(self, sha256: Sha256, size: int = 0):
        yield b"picture"


class Made:
    def __init__(self, *, seen: object = GOOD, report=None, answers=(), cards=(SKETCH,), probe=None, proved=False):
        self.seen = seen
        self.vitals = Vitals()
        self.card = Card(node=NODE, name="rig", instance="i", version="1", backends=tuple(cards))
        self.vitals.cards[NODE] = self.card
        self.books = Books(self, probe, proved)
        self.prober = Prober(NODE, self.books, self, self.vitals)
        self.agent = Agent(self, report or {"state": "done", "result": drawn()}, list(answers))

    async def examine(self, claim, body):
        assert b"".join([piece async for piece in body]) == b"picture"
        if isinstance(self.seen, Exception):
            raise self.seen
        return self.seen

    async def end(self) -> ProbeEnded:
        ready = asyncio.Event()
        ready.set()
        serving = asyncio.create_task(self.prober.serve(self.agent, ready))
        try:
            async with asyncio.timeout(5):
                await self.books.ended.wait()
        finally:
            serving.cancel()
            await asyncio.wait((serving,))
        ended = self.books.told[-1]
        assert isinstance(ended, ProbeEnded)
        return ended


def drawn(products: int = 1, suspect: str | None = None) -> Result:
    made = tuple(Product(sha256=Sha256("a" * 64), bytes=7) for _ in range(products))
    return Result(backend="sketch", products=made, suspect=suspect)


async def test_a_good_picture_is_a_proof_and_is_asked_for_once():
    made = Made()
    ended = await made.end()
    assert ended.ok and "sketch" in ended.reason and ended.token == TOKEN
    [order] = made.agent.orders
    assert (order.job, order.token, order.epoch, order.backend) == (PROBE, TOKEN, 3, "sketch")
    assert [type(told) for told in made.books.told] == [ProbeWanted, ProbeEnded]


@pytest.mark.parametrize(
    ("seen", "report", "reason"),
    [
        (SimpleNamespace(width=SIDE, height=SIDE, flat="black"), None, "its picture is black"),
        (SimpleNamespace(width=64, height=SIDE, flat=""), None, "64x512 pixels instead of 512x512"),
        (Rejected("its picture is no picture"), None, "is no picture"),
        (OSError(28, "No space left on device"), None, "No space left"),
        (GOOD, {"state": "done", "result": drawn(0)}, "without a picture"),
        (GOOD, {"state": "done", "result": drawn(suspect="not a number in it")}, "not a number"),
        (GOOD, {"state": "done"}, "ended as done"),
        (GOOD, {"state": "broke", "trouble": "out-of-memory", "reason": "8 GB are not enough"}, "8 GB"),
        (GOOD, {"state": "cancelled"}, "ended as cancelled"),
    ],
)
async def test_anything_else_is_none(seen, report, reason):
    ended = await Made(seen=seen, report=report).end()
    assert not ended.ok and reason in ended.reason


async def test_an_agent_that_refuses_fails_it_and_one_that_is_busy_is_asked_again(monkeypatch):
    monkeypatch.setattr("daemon.fleet.probe.BUSY_SECONDS", 0.01)
    assert "not today" in (await Made(answers=[Accepted(state="refused", reason="not today")]).end()).reason
    made = Made(answers=[Accepted(state="busy"), Accepted(state="busy")])
    assert (await made.end()).ok and len(made.agent.orders) == 3


async def test_one_that_draws_no_pictures_is_taken_by_its_card():
    made = Made(cards=(BackendCard(kind="llm", kinds=("prompt_llm",)),))
    ended = await made.end()
    assert ended.ok and "draws no pictures" in ended.reason and not made.agent.orders


async def test_one_whose_server_starts_yet_is_waited_for(monkeypatch):
    monkeypatch.setattr("daemon.fleet.probe.LOOK_SECONDS", 0.01)
    import msgspec

    made = Made(cards=(msgspec.structs.replace(SKETCH, state="starting"),))
    ending = asyncio.create_task(made.end())
    await asyncio.sleep(0.1)
    assert not ending.done() and not made.agent.orders
    made.vitals.cards[NODE] = msgspec.structs.replace(made.card, backends=(SKETCH,))
    assert (await ending).ok


async def test_one_that_began_under_this_daemon_goes_on_and_one_of_the_last_is_asked_for_anew():
    goes_on = Made(probe=Token(5))
    assert (await goes_on.end()).token == 5 and len(goes_on.books.told) == 1
    anew = Made(probe=Token(2))
    assert (await anew.end()).token == TOKEN and isinstance(anew.books.told[0], ProbeWanted)


async def test_nothing_is_asked_of_a_node_that_was_proved():
    made = Made(proved=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await made.end()
    assert not made.books.told and not made.agent.orders


async def test_a_hostile_name_of_a_model_is_left_out_of_the_order():
    made = Made(cards=(BackendCard(kind="sketch", kinds=("txt2img",), models=("\x1b[2J" + "x" * 5000,)),))
    assert (await made.end()).ok


async def test_whoever_waits_for_a_proof_is_told_also_a_moment_late():
    proofs = Proofs()
    waiting = asyncio.create_task(proofs.of(NODE, 5))
    await asyncio.sleep(0)
    proofs.ended(NodeProbed(node=NODE, token=TOKEN, ok=True, reason="good", seconds=1.0))
    assert (await waiting) == (await proofs.of(NODE, 0)) == (True, "good", 1.0)
    proofs.begun(NODE)
    assert await proofs.of(NODE, 0.01) is None
