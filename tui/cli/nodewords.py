"""A node in words: as a line of a table, and whole. Text from agents is cleaned by whoever prints it."""

from collections.abc import Mapping, Sequence

from tui.cli import output
from tui.link.doc import Doc

STRANGERS = ("new", "taken")

PLACES = {"loopback": "this daemon's own", "local": "this machine"}
"""Where a node is that is not reached over the network."""

HEADS = ("NAME", "STATE", "ADDRESS", "GPU", "VRAM", "LOAD", "SPEED", "BACKENDS", "DOES")


def table(nodes: Sequence[Doc]) -> str:
    """All of them, the strangers last; columns that say nothing of any are left out."""
    ordered = sorted(nodes, key=lambda node: STRANGERS.index(node.text("state")) if _strange(node) else -1)
    rows = [_row(node, shown_name(node, nodes)) for node in ordered]
    keep = [at for at, head in enumerate(HEADS) if head in ("NAME", "STATE", "DOES") or any(row[at] for row in rows)]
    return output.table([HEADS[at] for at in keep], [[row[at] for at in keep] for row in rows], right="LOAD SPEED")


def _strange(node: Doc) -> bool:
    return node.text("state") in STRANGERS


def ours(nodes: Sequence[Doc]) -> tuple[Doc, ...]:
    """Those that are in the fleet."""
    return tuple(node for node in nodes if not _strange(node))


def shown_name(node: Doc, nodes: Sequence[Doc]) -> str:
    """Its name; with the beginning of its id where another has the same."""
    name = node.text("name") or node.text("node")
    same = sum(other.text("name") == node.text("name") for other in nodes)
    return f"{name} ({node.text('node')[:8]})" if same > 1 else name


def names_of(nodes: Sequence[Doc]) -> dict[str, str]:
    """Id to name, for what tells of nodes by their ids."""
    return {node.text("node"): shown_name(node, nodes) for node in nodes}


def _row(node: Doc, name: str) -> tuple[str, ...]:
    load, speed = node.real("gpu_percent"), node.real("speed")
    if _strange(node):  # whatever it says of itself is not proved
        return name, node.text("state"), place(node), "", "", "", "", "", does(node)
    return (
        name, node.text("state"), place(node), gpus(node), memory(node), "" if load is None else f"{load:.0f}%",
        f"{speed:.1f}x" if speed else "", backends(node), does(node),
    )  # fmt: skip


def place(node: Doc) -> str:
    return node.text("address") or PLACES.get(node.text("link"), "")


def gpus(node: Doc) -> str:
    """`RTX 3090`, `2 x RTX 3090`, `RTX 3090, RTX 2060`."""
    names = [gpu.text("name") for gpu in node.docs("gpus")]
    return ", ".join(
        f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)
    )


def memory(node: Doc) -> str:
    whole = node.real("vram_gb") or 0.0
    if node.text("state") == "lost":
        return f"{whole:.1f} GB" if whole else ""
    return f"{node.real('vram_used_gb') or 0:.1f}/{whole:.1f} GB" if whole else ""


def backends(node: Doc) -> str:
    """Each with its state where that is not `ready`: `webui (disconnected)`."""
    states = {server.text("kind"): server.text("state") for server in node.docs("servers")}
    return " ".join(
        kind if states.get(kind, "ready") == "ready" else f"{kind} ({states[kind]})" for kind in node.texts("backends")
    )


def does(node: Doc) -> str:
    """What it runs, or why it does nothing."""
    if node.text("state") == "new":
        return f"waits to be paired: node pair {node.text('name')} CODE"
    if node.text("trouble") and node.text("state") not in ("ready", "busy"):
        return node.text("trouble")
    return node.text("running") or node.text("trouble") or node.text("why_idle")


def whole(node: Doc, day: Doc | None = None) -> str:
    """All that is known of it, for a person; `day`: what it did in the last 24 hours."""
    parts = [output.pairs({**_facts(node), "last 24 h": "" if day is None else today(day)})]
    heads = ("BACKEND", "STATE", "ADDRESS", "RELEASE", "TROUBLE")
    rows = [tuple(server.text(name) for name in ("kind", "state", "url", "release", "trouble"))
            for server in node.docs("servers")]  # fmt: skip
    if rows:
        parts.append(output.table(heads, rows))
    if paces := node.texts("paces"):
        parts.append("measured:\n" + "\n".join(f"  {output.clean(pace)}" for pace in paces))
    return "\n\n".join(parts)


def today(day: Doc) -> str:
    """How much it made, how much of the time it worked and how long its stages took; empty: it did nothing."""
    stages, pictures, finals = (day.whole(name) for name in ("stages", "pictures", "finals"))
    rate = day.real("per_hour")
    if not stages:
        return ""
    made = output.plural(pictures, "picture") + (f" ({finals} final)" if finals != pictures else "")
    worked, clock, p50, p95 = (_lasted(day.real(name)) for name in ("worked_s", "clock_s", "p50_s", "p95_s"))
    told = [f"{made}, {rate:,.1f} an hour by the clock"] if rate is not None else []
    told += [f"{output.plural(stages, 'stage')}, p50 {p50}, p95 {p95}", f"worked {worked} of {clock}"]
    return "; ".join(told)


def _lasted(seconds: float | None) -> str:
    """`0.4s` where whole seconds would say too little."""
    return f"{seconds:.1f}s" if seconds is not None and seconds < 9.95 else output.duration(seconds)


def _facts(node: Doc) -> Mapping[str, str]:
    loaded = [f"{node.real(name):.0f}{unit}" for name, unit in
              (("gpu_percent", "%"), ("celsius", " °C"), ("watts", " W")) if node.real(name) is not None]  # fmt: skip
    ram = node.real("ram_gb")
    cards = [f"{gpu.text('name')} {gpu.real('vram_gb') or 0:.0f} GB" for gpu in node.docs("gpus")]
    models = node.whole("models")
    known = not _strange(node)
    speed = node.real("speed")
    return {
        "name": node.text("name"),
        "state": node.text("state"),
        "trouble": node.text("trouble"),
        "runs": node.text("running"),
        "idle": node.text("why_idle") if not node.text("running") and not node.text("trouble") else "",
        "address": place(node),
        "id": node.text("node") + ("" if known else ", as it claims"),
        "version": node.text("version"),
        "gpu": ", ".join(cards),
        "vram": memory(node),
        "load": ", ".join(loaded),
        "memory": f"{node.real('ram_used_gb') or 0:.1f}/{ram:.1f} GB" if ram else "",
        "loaded": ", ".join(node.texts("resident")),
        "models": str(models) if models else "",
        "speed": f"{speed:.2f} x the fleet's average" if speed else "",
        "barred": "; ".join(node.texts("barred")),
        "stages": f"{node.whole('done')} done, {node.whole('failed')} failed" if known else "",
    }
