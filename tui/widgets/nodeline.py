"""A node as one line of the list, and what is said of it in a few words. Pure."""

from collections.abc import Sequence

from schema.orders import BackendState
from schema.scenes import BackendScene, NodeScene, NodeState
from tui.widgets.ink import Piece, fit, fit_middle, plain, wrap
from tui.widgets.jobrow import bar

NODE_SIGNS: dict[NodeState, tuple[str, str]] = {
    "ready": ("●", "good"), "busy": ("▶", "run"), "drained": ("‖", "warn"), "lost": ("○", "bad"),
    "new": ("?", "mark"), "taken": ("◇", "dim"), "proving": ("◐", "warn"), "suspect": ("◌", "warn"),
    "cooling": ("≈", "warn"), "untrusted": ("✗", "bad"), "incompatible": ("≠", "bad"), "conflicted": ("‼", "bad"),
}  # fmt: skip
"""Sign and ink of each state; the word is always told too."""

STRANGERS = ("new", "taken")
"""States of agents that are seen and are no node of ours."""

LOUD: tuple[NodeState, ...] = ("conflicted", "untrusted", "incompatible")
"""States that somebody has to do something about."""

ORDER: tuple[NodeState, ...] = (
    *LOUD, "new", "proving", "busy", "ready", "suspect", "cooling", "drained", "lost", "taken",
)  # fmt: skip
"""Sorted by state: what asks for a person first."""

SERVER_INKS: dict[BackendState, str] = {"ready": "good", "starting": "warn", "disconnected": "bad"}

PLACES = {"loopback": "this daemon's own", "local": "this machine"}
"""Where a node is that is not reached over the network."""

SPARKS = "▁▂▃▄▅▆▇█"
SPARK_CELLS = 8
WIDE = 92
"""Cells from which a line has room for all its columns."""


def name_of(node: NodeScene) -> str:
    return plain(node.name or node.node)


def doing(node: NodeScene) -> str:
    """What it runs, or why it runs nothing; of strangers in a few words, for the card tells more."""
    if node.state in STRANGERS:
        return "asks to join" if node.state == "new" else "used elsewhere"
    if node.running and not (node.trouble and node.state not in ("ready", "busy")):
        return str(node.running)
    if node.state == "drained" and not node.trouble:
        return "gets no work"
    return node.trouble or node.why_idle


def place(node: NodeScene) -> str:
    return plain(node.address) or PLACES.get(node.link, "")


def device(node: NodeScene) -> str:
    """`RTX 3090`, `2 x RTX 3090`; of one without a card what it drives."""
    if node.state in STRANGERS:  # whatever it says of itself is not proved
        return ""
    names = [plain(gpu.name) for gpu in node.gpus]
    if not names:
        return " ".join(map(plain, node.backends))
    many = [f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)]
    return ", ".join(many)


def memory(node: NodeScene, cells: int) -> list[Piece]:
    """A bar and `19.2/24G`, `cells` wide altogether."""
    if not node.vram_gb or node.state in STRANGERS:
        return [Piece(fit("", cells))]
    if node.state == "lost":  # nobody knows how much of it is taken
        return [Piece(fit(f"{node.vram_gb:.0f}G ", cells, "right"), "dim")]
    told = f" {node.vram_used_gb:.1f}/{node.vram_gb:.0f}G"
    wide = cells - 10
    if wide < 4:
        return [Piece(fit(told.strip(), cells), "dim")]
    return [*bar(min(1.0, node.vram_used_gb / node.vram_gb), wide), Piece(fit(told, 10), "dim")]


def spark(course: Sequence[float | None], cells: int) -> str:
    """The newest `cells` of it as blocks; a blank where nobody told."""
    return "".join(
        " " if one is None else SPARKS[min(7, int(max(0.0, one) / 100 * 8))] for one in course[-cells:]
    ).rjust(cells)


def load(node: NodeScene, course: Sequence[float | None]) -> list[Piece]:
    """The last hour in eight blocks, and where it is measured the percent of now."""
    now = "" if node.gpu_percent is None else f"{node.gpu_percent:3.0f}%"
    ink = "bad" if (node.celsius or 0) >= 90 else "run"
    return [Piece(spark(course, SPARK_CELLS), ink), Piece(fit(now, 5, "right"), "dim")]


def servers_of(node: NodeScene) -> tuple[BackendScene, ...]:
    """Its backends; of a node that is lost nobody knows more than their names."""
    told = {server.kind for server in node.servers}
    lost: BackendState = "disconnected" if node.state == "lost" else "ready"
    more = tuple(BackendScene(kind=kind, state=lost) for kind in node.backends if kind not in told)
    return node.servers + more


def _widths(width: int) -> tuple[int, int, int, int, int]:
    """Of name, place, device, memory, and what it does."""
    if width >= WIDE:
        name, where, gpu, vram = 12, 21, 15, 19
    else:
        name, where, gpu, vram = 10, 0, 13, 9
    gaps = 6 if where else 5
    rest = width - 2 - name - where - gpu - vram - 14 - SPARK_CELLS - 5 - gaps
    return name, where, gpu, vram, max(0, rest)


def pieces(node: NodeScene, course: Sequence[float | None], width: int, *, cursor: bool, marked: bool) -> list[Piece]:
    """One line of the list."""
    sign, ink = NODE_SIGNS[node.state]
    name, where, gpu, vram, does = _widths(width)
    line = [
        Piece(">" if cursor else " ", "strong"),
        Piece("●" if marked else " ", "mark"),
        Piece(fit_middle(name_of(node), name) + " ", "strong" if cursor else "text"),
        Piece(fit(f"{sign} {node.state}", 14) + " ", ink),
    ]
    if where:
        line.append(Piece(fit_middle(place(node), where) + " ", "dim"))
    bad = next((one for one in servers_of(node) if one.state != "ready" and node.state not in ("lost", *LOUD)), None)
    told = f"{plain(bad.kind)} {bad.state}" if bad is not None else device(node)
    line.append(Piece(fit(told, gpu) + " ", SERVER_INKS[bad.state] if bad is not None else "text"))
    line += [*memory(node, vram), Piece(" "), *load(node, course), Piece(" ")]
    return [*line, Piece(fit(plain(doing(node)), does), ink if node.state in LOUD else "dim")]


def heading(width: int) -> list[Piece]:
    name, where, gpu, vram, does = _widths(width)
    words = [("  node", name + 3), ("state", 15), ("address", where and where + 1), ("device", gpu + 1),
             ("memory", vram + 1), ("load, 1 h", SPARK_CELLS + 6), ("does", does)]  # fmt: skip
    return [Piece(fit(word, cells), "dim") for word, cells in words]


def summary(nodes: Sequence[NodeScene]) -> str:
    """`5 seen · 3 in the fleet · 1 waits`"""
    waits = sum(node.state == "new" for node in nodes)
    ours = sum(node.state not in STRANGERS for node in nodes)
    words = [f"{len(nodes)} seen", f"{ours} in the fleet", f"{waits} wait{'s' if waits == 1 else ''}" if waits else ""]
    return " · ".join(filter(None, words))


def notices(nodes: Sequence[NodeScene], key: str, width: int) -> list[Piece]:
    """What asks for a person, the loudest first and whole, all who ask to join in one line; `key` pairs."""
    lines: list[Piece] = []
    for node in nodes:
        if node.state in LOUD:
            text = f"{name_of(node)} is {node.state}: {node.trouble}"
            heads = (f" {NODE_SIGNS[node.state][0]} ", "   ", "   ")
            lines += [
                Piece(head + part, "bad") for head, part in zip(heads, wrap(text, max(20, width - 4), 3), strict=False)
            ]
    if waiting := [node for node in nodes if node.state == "new"]:
        names = [name_of(node) for node in waiting]
        who = ", ".join(
            f"{name} ({place(node)})" if names.count(name) > 1 else name
            for name, node in zip(names, waiting, strict=True)
        )
        asks = "asks to join" if len(waiting) == 1 else "ask to join"
        lines.append(Piece(f" ! {who} {asks}. {key} pairs one with the 8 digits it shows.", "mark"))
    for node in nodes:
        if node.state in ("lost", "suspect", "cooling") and node.trouble:
            lines.append(Piece(f" {NODE_SIGNS[node.state][0]} {name_of(node)}: {plain(node.trouble)}", "warn"))
    return lines


def troubled(nodes: Sequence[NodeScene]) -> tuple[str, str] | None:
    """What is worst in the fleet, with its ink: for the first line of every area."""
    for node in nodes:
        if node.state in LOUD:
            return f"{name_of(node)} {node.state}", "bad"
    found = [(one.kind, one.state) for node in nodes if node.state != "lost" for one in node.servers]
    bad = [pair for pair in found if pair[1] != "ready"]
    if not bad:
        return None
    kind, state = min(bad, key=lambda pair: pair[1])
    return f"{plain(kind)} {state}", SERVER_INKS[state]
