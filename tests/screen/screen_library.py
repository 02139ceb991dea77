"""What the pretended daemon knows of words: wildcards, styles and presets, and what becomes of a prompt. Our own.

Its variants are made by the plainest of readers: choices, wildcards and slots, every combination, in order.
"""

import itertools
import json
import re

from aiohttp import web

WILDCARDS = {"sky": ("dawn", "dusk", "storm"), "sky/high": ("mare's tails", "thin cloud"), "sea": ("calm", "rough")}
SLOTS = {"weather": ("fog", "rain")}
LORAS = ("film_grain", "line_art")
PLACE = re.compile(r"\{[^{}]*\}|__[\w/]+__|\[\[[^\]]+\]\]")

NAMES = {
    "profiles": ("mira", "harbour master"),
    "templates": ("landscape", "portrait"),
    "styles": ("film", "woodcut [old]"),
    "overlays": ("gentle",),
    "presets": ("fine", "quick look"),
    "wildcards": ("sea", "sky", "sky/high"),
    "pipelines": ("standard", "quick"),
    "workflows": ("oils",),
}

SAYS = {
    "wildcards": [("", "", "dawn"), ("", "3x", "dusk over {calm|rough} water"), ("", "", "storm")],
    "styles": [("", "around the prompt", "woodcut of {prompt}"), ("", "negative", "photo")],
    "profiles": [
        ("", "name", "Mira"),
        ("", "character", "a cartographer in a green coat"),
        ("LoRAs", "ink_line", "0.7"),
    ],
    "presets": [("txt2img", "steps", "31"), ("txt2img", "cfg", "6.5"), ("upscale", "factor", "2")],
    "pipelines": [("txt2img", "txt2img", "on"), ("txt2img", "steps", "12"), ("upscale", "upscale", "off")],
    "templates": [("", "prompt", "a wide view of {prompt}"), ("sets", "txt2img.cfg", "6")],
    "overlays": [("colour grades", "", "warm"), ("settings", "txt2img.cfg", "5 to 7.5")],
}
"""What is in each of them, whichever it is."""


def values_of(place: str) -> tuple[str, ...]:
    if place.startswith("{"):
        return tuple(place[1:-1].split("|"))
    return WILDCARDS.get(place.strip("_"), ()) if place.startswith("__") else SLOTS.get(place[2:-2], ())


def kind_of(place: str) -> str:
    return {"{": "choice", "_": "wildcard", "[": "slot"}[place[0]]


def key_of(place: str) -> str:
    return place[2:-2] if place.startswith("[[") else place


def segments(text: str, locks: dict[str, str], *, negative: bool) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for one in PLACE.finditer(text):
        line = text.count("\n", 0, one.start())
        values = values_of(one[0])
        if values:
            found.append({
                "start": one.start(), "end": one.end(), "line": line + 1,
                "column": one.start() - text.rfind("\n", 0, one.start()), "kind": kind_of(one[0]),
                "key": key_of(one[0]), "size": str(len(values)), "values": values,
                "locked": locks.get(key_of(one[0])), "negative": negative,
            })  # fmt: skip
    return found


def tried(trial: dict[str, object]) -> dict[str, object]:
    """`Tried`, as JSON. Raises ValueError with the place of an unbalanced brace."""
    run = trial["run"]
    assert isinstance(run, dict)
    text, negative = str(run.get("prompt", "")), str(run.get("negative", ""))
    if not text and run.get("packs"):
        text = "a knight in __sky__"
    if text.count("{") != text.count("}"):
        line = text[: text.index("{")].count("\n") + 1
        raise ValueError(f"prompt:{line}:{text.index('{') + 1}")
    locks = dict(one.partition("=")[::2] for one in run.get("lock", []))
    found = segments(text, locks, negative=False) + segments(negative, locks, negative=True)
    sizes = {str(one["key"]): one["values"] for one in found}
    free = {key: ((locks[key],) if key in locks else values) for key, values in sizes.items()}
    space = 1
    for values in free.values():
        space *= len(values)
    total = min(space, int(run.get("limit", space))) if run.get("matrix") != "random" else int(run.get("variants", 1))
    edits = {one["name"]: one for one in run.get("edits", [])}
    rerolls = sum(int(one.rpartition("=")[2]) for one in run.get("reroll", []))
    samples = []
    upto = rerolls + min(total, int(trial.get("show", 20)))
    combos = itertools.islice(itertools.cycle(itertools.product(*free.values())), rerolls, upto)
    for number, combo in enumerate(combos, 1):
        picks = dict(zip(free, combo, strict=True))
        name = f"prompt-01-v{number}-s7"
        edit = edits.get(name) or edits.get(name.removesuffix("-s7"), {})
        one = PLACE.sub(lambda m, picks=picks: picks.get(key_of(m[0]), m[0]), text)
        samples.append({
            "prompt": edit.get("prompt") or one, "negative": edit.get("negative") or negative, "seed": 7, "name": name,
            "picks": [{"key": key, "value": value, "source": "--lock" if key in locks else f"{key}:1"}
                      for key, value in picks.items()],
        })  # fmt: skip
    warnings = [f"{total:,} jobs from places to vary: --limit, --variants or --matrix random make fewer"]
    return {
        "segments": found, "space": str(space), "jobs": total * int(run.get("count", 1)), "seed": 7,
        "plan_hash": "cafe01", "samples": samples, "warnings": warnings if total > 1000 else [],
        "payload": json.dumps({"txt2img": {"prompt": str(samples[0]["prompt"]) if samples else "", "steps": 20}}),
    }  # fmt: skip


def completions(text: str, at: int) -> dict[str, object]:
    head = text[:at]
    items: list[dict[str, object]] = []
    if found := re.search(r"__([\w/]*)\Z", head):
        items = [
            {"text": f"__{name}__", "start": found.start(), "end": at, "kind": "wildcard", "note": f"{len(v)} values"}
            for name, v in WILDCARDS.items() if name.startswith(found[1])
        ]  # fmt: skip
    elif found := re.search(r"<(?:lora:)?(\w*)\Z", head):
        items = [
            {"text": f"<lora:{name}:1>", "start": found.start(), "end": at, "kind": "lora", "note": "grain, film"}
            for name in LORAS if name.startswith(found[1])
        ]  # fmt: skip
    elif found := re.search(r"\bbad\w*\Z", head):
        items = [{"text": "badhands", "start": found.start(), "end": at, "kind": "embedding"}]
    return {"items": items, "total": len(items)}


async def complete(request: web.Request) -> web.Response:
    return web.json_response(completions(request.query["text"], int(request.query["at"])))


PACKS = {
    "knights": "a knight in __sky__\nneg: blur\n\na knight by the {sea|lake} at {dawn|dusk}\n",
    "city [bold]": "a street in the [[weather]]\r\n\r\na harbour, __sea__\r\n",
    "broken": "a {dawn|dusk sky\n",
}


class Shelf:
    """What a person keeps: changed by the routes."""

    def __init__(self) -> None:
        self.packs = dict(PACKS)
        self.names = dict(NAMES)
        self.gone: list[tuple[str, str]] = []
        """Noun and name of what was deleted and not restored."""
        self.paths: dict[tuple[str, str], str] = {}
        """Noun and name of what lies elsewhere than in a file of its own."""
        self.broken: dict[tuple[str, str], str] = {}
        """Noun and name of what cannot be read, and where it is wrong."""
        self.saved: list[tuple[str, str, str]] = []
        """Noun, name and text of everything that was saved."""
        self.models = [model(n) for n in range(60)]

    async def list_packs(self, request: web.Request) -> web.Response:
        warnings = ["broken.txt:1:3: a brace is not closed."] if "broken" in self.packs else []
        names = list(self.packs)
        return web.json_response({"items": names, "total": len(names), "warnings": warnings})

    async def show_pack(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        text = self.packs[name]
        parts = text.replace("\r", "").strip().split("\n\n")
        prompts = [part.partition("\nneg:")[0] for part in parts]
        return web.json_response({"name": name, "text": text, "prompts": prompts})

    async def save(self, request: web.Request) -> web.Response:
        noun, name = request.match_info["noun"], request.match_info["name"]
        text = json.loads(await request.read())["text"]
        self.saved.append((noun, name, text))
        if noun == "packs":
            self.packs[name] = text
        else:
            self.names[noun] = tuple(sorted({*self.names[noun], name}))
        return web.json_response({"name": name, "text": text, "prompts": []})

    async def rename(self, request: web.Request) -> web.Response:
        noun, name, to = request.match_info["noun"], request.match_info["name"], (await request.json())["to"]
        self.names[noun] = tuple(to if one == name else one for one in self.names[noun])
        return web.json_response({"name": to})

    async def show(self, request: web.Request) -> web.Response:
        noun, name = request.path.split("/")[2], request.match_info["name"]
        text = f"# {name}, as it was written\n"
        if request.query.get("text"):
            return web.json_response({"name": name, "text": text})
        if where := self.broken.get((noun, name)):
            told = {"error": "a bracket is not closed.", "where": where, "remedy": "Close it.", "exit": 2}
            return web.json_response(told, status=400)
        says = [dict(zip(("of", "name", "value"), one, strict=True)) for one in SAYS.get(noun, ())]
        path = self.paths.get((noun, name), f"/config/{noun}/{name}.yaml")
        return web.json_response({"name": name, "text": text, "prompts": [], "says": says, "path": path})

    async def uses(self, request: web.Request) -> web.Response:
        found = [{"noun": "packs", "name": "knights", "line": 1, "words": "a knight in __sky__"}]
        items = found if request.query["name"] == "sky" else []
        return web.json_response({"items": items, "total": len(items)})

    async def check(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if "[" in asked["text"] and "]" not in asked["text"]:
            where = f"{asked['name']}.yaml:{asked['text'][: asked['text'].index('[')].count(chr(10)) + 1}:3"
            told = {"error": "a bracket is not closed.", "where": where, "remedy": "", "exit": 2}
            return web.json_response(told, status=400)
        return web.json_response({"warnings": []})

    async def restore(self, request: web.Request) -> web.Response:
        noun, name = request.match_info["noun"], request.match_info["name"]
        self.gone.remove((noun, name))
        self.names[noun] = tuple(sorted({*self.names[noun], name}))
        return web.json_response({"name": name})

    async def delete(self, request: web.Request) -> web.Response:
        noun, name = request.match_info["noun"], request.match_info["name"]
        self.gone.append((noun, name))
        self.names[noun] = tuple(one for one in self.names[noun] if one != name)
        return web.json_response({"name": name})

    async def list_names(self, request: web.Request) -> web.Response:
        noun = request.path.rpartition("/")[2]
        names = self.names[noun]
        warnings = [f"{where}: a bracket is not closed." for (of, _), where in self.broken.items() if of == noun]
        return web.json_response({"items": names, "total": len(names), "warnings": warnings})

    async def foreign(self, request: web.Request) -> web.Response:
        name = request.query["name"]
        assert request.content_type == "application/octet-stream" and await request.read()
        if name.startswith("bare"):
            return web.json_response({"foreign": {"name": name}, "run": {}})
        run = {"prompt": "a harbour, {dawn|dusk}", "negative": "blur", "seed": 99, "set": ["txt2img.steps=31"]}
        told = {"name": name, "program": "a1111", "prompt": run["prompt"], "model": "toy-xl",
                "warnings": ["ENSD 31337 is not known here"]}  # fmt: skip
        return web.json_response({"foreign": told, "run": run})

    async def list_models(self, request: web.Request) -> web.Response:
        asked = request.query
        found = [one for one in self.models if asked.get("list", "") in ("", one["list"])]
        for word in asked.get("filter", "").split():
            found = [one for one in found if (one["missing"] if word == "missing:any" else word in str(one["name"]))]
        found.sort(key=lambda one: not one["favourite"])
        first = int(asked.get("offset", 0))
        return web.json_response({"items": found[first : first + int(asked.get("limit", 200))], "total": len(found)})

    async def show_model(self, request: web.Request) -> web.Response:
        one = next((one for one in self.models if one["key"] == request.match_info["key"]), None)
        if one is None:
            return web.json_response({"error": "there is none", "where": "", "remedy": "", "exit": 2}, status=404)
        more = {
            "description": "A haze over the sea, softly.", "author": "mira", "trained": [["sea", 40], ["haze", 31]],
            "sources": [{"file": "haze.civitai.info", "kind": "civitai"}], "hashes": {"sha256": "ab" * 32},
        }  # fmt: skip
        return web.json_response({**one, **more})


def model(number: int) -> dict[str, object]:
    kind = ("loras", "models", "embeddings")[number % 3]
    name = f"{('sea', 'sky', 'town')[number % 3]}/{('haze', 'grain', 'dusk', 'line')[number % 4]}_{number:02}"
    path = f"/models/{kind}/{name}.safetensors" if number % 5 else ""
    return {
        "key": f"{number:032x}" if path else f"name:{kind}/{name}", "list": kind, "name": name,
        "nodes": ["studio"] if number % 2 else [], "path": path, "bytes": 144_000_000 + number,
        "added": "2025-11-13T02:13:20.000Z", "base": ("sdxl", "sd1", "flux")[number % 3],
        "triggers": ["seahaze", "soft light"] if number % 3 == 0 else [],
        "tags": ["sea"] if number % 6 == 0 else [], "stars": number % 6, "favourite": number % 20 == 7, "uses": number,
        "missing": ["triggers", "preview"] if number % 3 and path else [],
    }  # fmt: skip


def add_routes(app: web.Application, shelf: Shelf) -> None:
    app.router.add_get("/v1/completions", complete)
    app.router.add_get("/v1/packs", shelf.list_packs)
    app.router.add_get("/v1/packs/{name}", shelf.show_pack)
    app.router.add_get("/v1/models", shelf.list_models)
    app.router.add_get("/v1/models/{key:.*}", shelf.show_model)
    app.router.add_put("/v1/{noun}/{name}", shelf.save)
    app.router.add_post("/v1/{noun}/{name}/rename", shelf.rename)
    app.router.add_post("/v1/{noun}/{name}/delete", shelf.delete)
    app.router.add_post("/v1/{noun}/{name}/restore", shelf.restore)
    app.router.add_post("/v1/check", shelf.check)
    app.router.add_get("/v1/uses", shelf.uses)
    app.router.add_post("/v1/foreign", shelf.foreign)
    for noun in NAMES:
        app.router.add_get(f"/v1/{noun}", shelf.list_names)
        app.router.add_get(f"/v1/{noun}/{{name}}", shelf.show)
