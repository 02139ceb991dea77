"""Every wish sent once to five times, cut off while it is answered: it happens once, and its key serves no other."""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from daemon.api.routes import ALL
from schema.models import Fetching, ModelScan, ModelVerdict

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world
from test_api_foreign import InProcess, Store, png

from daemon.foreign import ForeignPictures

CHANGES_NOTHING = {
    "/v1/plan", "/v1/prompt", "/v1/check", "/v1/foreign", "/v1/learn/mixes", "/v1/learn/question", "/v1/forecast",
}  # fmt: skip
NEVER_HERE = {
    "/v1/feedback/reset": "nothing was adjusted",
    "/v1/jobs/skip": "no job is beyond its first stage",
    "/v1/learn/dismiss": "no claim was shown",
    "/v1/learn/drop": "nobody suggested anything",
    "/v1/nodes/{node}/forget": "the node is there",
    "/v1/nodes/{node}/unpair": "the node was never paired",
}
"""What is sent all the same, and refused each time."""

BY_NATURE = {
    "/v1/daemon/stop": "it ends the daemon however often it is asked to",
    "/v1/blobs": "a file is called by its content",
    "/v1/disk/check": "a file is told to be damaged once, whoever looks",
    "/v1/learn/answer": "needs a language model's job; its one event is a SuggestPresets as that of /v1/learn/suggest",
    "/v1/learn/adopt": "needs what was learned; its one event is written as all others are",
}
"""Why these are in no round."""


class Call(NamedTuple):
    method: str
    route: str
    path: str
    body: Any
    other: Any
    """Another body that the route understands; the same one: there is none."""


class Rounds:
    """Draws wishes that can be granted as things stand, and counts what leaves no event."""

    def __init__(self, it: World, seed: int) -> None:
        self.it, self.draw = it, random.Random(seed)
        self.effects: Counter[str] = Counter()
        self.number, self.run = 0, ""
        self.granted: list[str] = []
        self.refused: dict[str, str] = {}
        house = it.house
        for name, given in (
            ("refresh_node", None), ("free_node", None), ("probe_node", _Probed()), ("pair_node", _PAIRED),
            ("add_node", _PAIRED), ("invite", ("token", 1.0)),
        ):  # fmt: skip
            setattr(house, name, self._counted(name, given))
        house.models = SimpleNamespace(
            verdicts=_verdicts, scan=self._counted("scan", ModelScan()), fetch=self._fetched
        )  # fmt: skip
        house.hooks = SimpleNamespace(test=self._counted("hook", ModelScan()))
        house.gallery = SimpleNamespace(
            post=self._counted("post", ModelScan()), sync=self._counted("sync", ModelScan())
        )
        house.learning = SimpleNamespace(claim_key=_as_it_is, checked=_as_it_is)
        house.library = _Library(house.library, self.effects)
        house.foreign = ForeignPictures(InProcess(it.folder), Store(it), it.draw_id)

    def _counted(self, name: str, given: object) -> Callable[..., Any]:
        async def call(*_: object) -> object:
            self.effects[name] += 1
            await asyncio.sleep(0)
            return given

        return call

    async def _fetched(self, wanted: object) -> AsyncIterator[Fetching]:
        self.effects["fetch"] += 1
        yield Fetching(id="x", state="done")

    async def call(self) -> Call:
        """One of those that a round knows; every route in turn, whatever else is drawn."""
        self.number += 1
        routes = sorted((route.method, route.path) for route in ALL if route.method != "GET")
        routes = [each for each in routes if each[1] not in CHANGES_NOTHING | set(BY_NATURE)]
        method, path = routes[self.number % len(routes)]
        name = f"n{self.number}"
        filled = path
        if "{name}" in path and method == "POST" and not path.startswith("/v1/access"):
            noun = path.split("/")[2]
            await self.it.ask("PUT", f"/v1/{noun}/{name}", {"text": _TEXTS[noun]})
            if path.endswith("/restore"):
                await self.it.post(f"/v1/{noun}/{name}/delete")
            self.effects.clear()
        elif path.endswith("/revoke"):
            await self.it.post("/v1/access", {"name": name, "scope": "read"})
        body, other = await self._bodies(path, name)
        for part, is_called in (("name", name), ("run", self.run), ("hook", "x"), ("node", "box")):
            filled = filled.replace(f"{{{part}}}", is_called)
        return Call(method, path, filled, body, other)

    async def _bodies(self, path: str, name: str) -> tuple[Any, Any]:
        draw, run, images = self.draw, self.draw.choice(self.runs), self.images
        match path.split("/")[2:]:
            case ["runs"]:
                return {"prompt": f"a hen {name}"}, {"prompt": "a goose"}
            case ["generate"]:
                return {"prompt": name, "pipeline": [{"type": "txt2img"}]}, {"prompt": "x", "pipeline": "standard"}
            case ["runs", "{run}", _]:
                self.run = (await self.it.submit(name))["run"]
                return {}, {}
            case ["redo"]:
                await self.it.submit(name)
                await self.it.post("/v1/undo")
                return {}, {}
            case ["learn", "forget"]:
                await self.it.post("/v1/learn/import", _learn("import", name)[0])
                return _learn("forget", name)
            case ["jobs", verb]:
                more = {"move": {"to": "top"}, "priority": {"priority": draw.randint(1, 9)}, "edit": {"seed": 3},
                        "rerun": {"stage": "txt2img"}}.get(verb, {})  # fmt: skip
                if verb in ("skip", "edit"):
                    done = await self.it.submit(name)
                    return {"select": [f"{done['run']}.1"], **more}, {"select": ["nobody"], **more}
                if verb in ("cancel", "hold"):
                    run = (await self.it.submit(name))["run"]
                return {"select": [run], **more}, {"select": ["nobody"], **more}
            case ["images", "import"]:
                sha = await self.it.put_blob(png(colour=self.number % 250) + b"")
                files = [{"sha256": sha, "name": f"{name}.png"}]
                return {"files": files, "tags": ["sea"]}, {"files": files}
            case ["images", "sync"] | ["models", "scan"]:
                return {}, {}
            case ["images", verb]:
                one, two = draw.sample(images, 2)
                more = {"rate": {"stars": draw.randint(1, 5)}, "tag": {"add": [name]}, "compare": {"better": "A"}}
                both = {"select": [one, two], **more.get(verb, {})}
                return both, {**both, "select": [two, one]}
            case ["models", "get"]:
                return {"id": "civitai:1"}, {"id": "civitai:2"}
            case ["models", verb]:
                more = {"tag": {"add": [name]}, "rate": {"stars": draw.randint(1, 5)}, "favourite": {}}
                return {"select": [name], **more[verb]}, {"select": ["other"], **more[verb]}
            case ["queue", "mode"]:
                return {"mode": draw.choice(("share", "warm", "free"))}, {"mode": "none"}
            case ["queue", "pin"]:
                return {"node": None}, {"node": "box"}
            case ["nodes", "pair"]:
                return {"name": "10.0.0.7:7801", "code": "12345678"}, {"name": "10.0.0.8:7801", "code": "12345678"}
            case ["nodes", "add"]:
                return {"address": "10.0.0.7:7801"}, {"address": "10.0.0.8:7801"}
            case ["feedback", "switch"]:
                return {"on": draw.random() < 0.5}, {}
            case ["feedback", "reset"]:
                return {"names": [name]}, {"names": ["x"]}
            case ["learn", verb]:
                return _learn(verb, name)
            case ["disk", _]:
                return {"older_than": "9999d"}, {"rated": True}
            case ["access"]:
                return {"name": name, "scope": "read"}, {"name": name, "scope": "all"}
            case [noun, "{name}"]:
                return {"text": _TEXTS[noun]}, {"text": "other"}
            case [_, "{name}", "rename"]:
                return {"to": f"{name}b"}, {"to": f"{name}c"}
            case _:
                return {}, {}

    async def play(self, call: Call) -> None:
        key = f"key-{self.number}"
        self.effects.clear()
        head = self.it.ledger.durable
        sends = self.draw.randint(1, 5)
        told = [
            answer
            for turn in range(sends)
            if (answer := await self.send(call, call.body, key, cut=turn < sends - 1 and self.draw.random() < 0.6))
        ]
        fine = [answer for answer in told if "error" not in answer]
        events = await self.it.get("/v1/log", after=head)
        with_key = [each for each in events if each["key"] == key]
        commands = {each["command"] for each in events if each["actor"].startswith("uid:")}
        where = (call, told, [each["type"] for each in events])
        assert len(with_key) <= 1 and len(commands) <= (2 if call.route == "/v1/images/import" else 1), where
        assert max(self.effects.values(), default=0) <= 1, (call, self.effects)
        if not fine:
            self.refused[call.route] = str(told[-1])
        if fine:
            assert len(with_key) + sum(self.effects.values()) == 1, where
            for answer in fine:
                assert _same(answer) == _same(fine[0]), where
            self.granted.append(call.route)
            await self._serves_no_other(call, key)
        if call.route == "/v1/images/import" and fine:
            assert events[-1]["type"] == "ImageTagged", where

    async def _serves_no_other(self, call: Call, key: str) -> None:
        effects, head = self.effects.copy(), self.it.ledger.durable
        if call.other != call.body:
            refused = await self.send(call, call.other, key)
            assert refused is not None and refused["exit"] == 2, (call, refused)
        elsewhere = Call("POST", "", "/v1/queue/pause" if "pause" not in call.path else "/v1/queue/resume", {}, {})
        refused = await self.send(elsewhere, {}, key)
        assert refused is not None and "was used for another request" in refused["error"], (call, refused)
        assert self.it.ledger.durable == head and self.effects == effects

    async def send(self, call: Call, body: Any, key: str, *, cut: bool = False) -> dict[str, Any] | None:
        """None when the connection was cut: before, while or after it was answered, by chance."""
        content = json.dumps(body).encode() if body != {} else b""
        head = [f"{call.method} {call.path} HTTP/1.1", "Host: d", f"Idempotency-Key: {key}", "Connection: close",
                "Content-Type: application/json", f"Content-Length: {len(content)}"]  # fmt: skip
        reader, writer = await asyncio.open_unix_connection(str(self.it.socket))
        writer.write("\r\n".join([*head, "", ""]).encode() + content)
        if cut:
            for _ in range(self.draw.choice((0, 1, 2, 4, 8, 16))):
                await asyncio.sleep(0)
            writer.transport.abort()
            return None
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        head_of, _, text = answer.partition(b"\r\n\r\n")
        return {**json.loads(text or b"{}"), "status": int(head_of.split()[1])}


def _same(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer says whenever its key comes: a secret is told once, warnings are of the plan of then."""
    apart = ("repeated", "secret", "until", "warnings", "address", "known", "cut")
    return {name: value for name, value in answer.items() if name not in apart}


class _Library:
    """Counts what changes a file."""

    def __init__(self, library: Any, effects: Counter[str]) -> None:
        self._library, self._effects = library, effects

    def __getattr__(self, name: str) -> Any:
        does = getattr(self._library, name)
        if name not in ("save", "rename", "delete", "restore"):
            return does

        def counted(*given: Any) -> Any:
            done = does(*given)
            self._effects[name] += 1
            return done

        return counted


class _Probed(NamedTuple):
    ok: bool = True
    reason: str = ""
    seconds: float = 1.0


_PAIRED = SimpleNamespace(node="n", name="n", address="10.0.0.7:7801", paired=True, ready=True, reason="")
_PIPELINE = '{"name": "x", "stages": [{"type": "txt2img"}]}'
_TEXTS = {
    "packs": "a fox\n", "pipelines": _PIPELINE, "presets": _PIPELINE, "profiles": "name: x\n",
    "templates": "prompt: a wide view of {prompt}\n", "styles": "name: x\nprompt: oil\n",
    "overlays": "grades: [dusk]\n", "wildcards": "red\nblue\n",
    "workflows": '{"3": {"class_type": "KSampler", "inputs": {}}}',
}  # fmt: skip


def _learn(verb: str, name: str) -> tuple[Any, Any]:
    record = {"id": name, "at": "2026-01-01T00:00:00Z", "session": "s", "pack": "p", "prompt": "x", "seed": 1,
              "run": "r", "params": {"txt2img.steps": 20}, "stars": 3, "tags": []}  # fmt: skip
    return {
        "mode": ({"mode": "active"}, {"mode": "off"}),
        "told": ({"claims": [], "upto": 1}, {"claims": [], "upto": 2}),
        "dismiss": ({"key": name}, {"key": "x"}),
        "import": ({"source": name, "records": [record]}, {"source": "x", "records": []}),
        "forget": ({"source": name}, {"source": "x"}),
        "suggest": ({"suggestions": []}, {"suggestions": [{}]}),
        "drop": ({"id": name}, {"id": "x"}),
    }[verb]


async def _verdicts(select: tuple[str, ...]) -> tuple[ModelVerdict, ...]:
    return tuple(ModelVerdict(model=name, name=name) for name in select)


async def _as_it_is(given: Any) -> Any:
    return given


async def rounds(folder: Path, calls: int, seed: int) -> Rounds:
    async with world(folder) as it:
        it.vitals.free_bytes = None
        await it.join_node("box")
        for prompt in ("a fox", "a hare"):
            await it.submit(prompt, count=3)
        await it.finish_all()
        played = Rounds(it, seed)
        played.images = [row["id"] for row in (await it.get("/v1/images", final="1"))["items"]]
        played.runs = [row["id"] for row in (await it.get("/v1/runs"))["items"]]
        await it.post("/v1/queue/pause")
        for _ in range(calls):
            await played.play(await played.call())
        return played


async def test_whatever_is_sent_again_happens_once(tmp_path: Path) -> None:
    played = await rounds(tmp_path, 20, seed=1)
    assert len(set(played.granted)) > 12


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
async def test_a_thousand_wishes_sent_up_to_five_times_and_cut_off_happen_once(tmp_path: Path, seed: int) -> None:
    played = await rounds(tmp_path, 260, seed=seed)
    never = {route.path for route in ALL if route.method != "GET"} - set(played.granted) - CHANGES_NOTHING
    assert never <= set(BY_NATURE) | set(NEVER_HERE), (never, played.refused)
    assert len(played.granted) >= 200
