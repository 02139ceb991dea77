"""A node as a line and whole: its backends and the state of each, its memory, what it does or why not. Pure."""

from collections.abc import Sequence

from schema.orders import BackendState
from schema.scenes import BackendScene, NodeScene, RunningJob
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain, wrap
from tui.widgets.jobrow import bar, clock, share

NODE_SIGNS = {"ready": ("●", "good"), "busy": ("▶", "run"), "drained": ("‖", "warn"), "lost": ("○", "bad")}
"""Sign and ink of each state; the word is always told too."""

SERVER_INKS: dict[BackendState, str] = {"ready": "good", "starting": "warn", "disconnected": "bad"}
SERVER_SIGNS: dict[BackendState, str] = {"ready": "●", "starting": "◐", "disconnected": "○"}


def servers_of(node: NodeScene) -> tuple[BackendScene, ...]:
    """Its backends; of a node that is lost nobody knows more than their names."""
    told = {server.kind for server in node.servers}
    lost: BackendState = "disconnected" if node.state == "lost" else "ready"
    more = tuple(BackendScene(kind=kind, state=lost) for kind in node.backends if kind not in told)
    return node.servers + more


def servers(node: NodeScene, width: int) -> list[Piece]:
    """`webui ready · comfyui starting`, as much of it as fits; what is not ready first where room is short."""
    every = servers_of(node)
    if sum(len(one.kind) + len(one.state) + 4 for one in every) > width:
        every = tuple(sorted(every, key=lambda one: one.state == "ready"))
    line: list[Piece] = []
    room = width
    for number, one in enumerate(every):
        gap = " · " if number else ""
        if len(gap) + len(one.kind) + 1 + len(one.state) > room:
            line.append(Piece("…", "dim"))
            room -= 1
            break
        line += [Piece(gap, "faint"), Piece(plain(one.kind) + " "), Piece(one.state, SERVER_INKS[one.state])]
        room -= len(gap) + len(plain(one.kind)) + 1 + len(one.state)
    return [*line, Piece(" " * max(0, room))]


def memory(node: NodeScene, cells: int) -> list[Piece]:
    """A bar and `19.2/24G`, `cells` wide altogether."""
    if not node.vram_gb:
        return [Piece(fit("", cells))]
    told = f" {node.vram_used_gb:.1f}/{node.vram_gb:.0f}G"
    wide = cells - 10
    if wide < 4:
        return [Piece(fit(told.strip(), cells), "dim")]
    return [*bar(min(1.0, node.vram_used_gb / node.vram_gb), wide), Piece(fit(told, 10), "dim")]


def doing(node: NodeScene) -> str:
    return str(node.running) if node.running else node.why_idle


def pieces(node: NodeScene, width: int, *, cursor: bool, marked: bool) -> list[Piece]:
    """One line of the list."""
    sign, ink = NODE_SIGNS[node.state]
    wide = width >= 92
    vram, does = (20, 26) if wide else (9, 0)
    name = 12 if wide else 10
    rest = max(10, width - 2 - name - 1 - 10 - 1 - vram - 1 - does)
    return [
        Piece(">" if cursor else " ", "strong"),
        Piece("●" if marked else " ", "mark"),
        Piece(fit_middle(plain(node.name or node.node), name) + " ", "strong" if cursor else "text"),
        Piece(fit(f"{sign} {node.state}", 10) + " ", ink),
        *servers(node, rest - 1),
        Piece(" "),
        *memory(node, vram),
        Piece(" "),
        Piece(fit(plain(doing(node)), does), "dim"),
    ]


def heading(width: int) -> list[Piece]:
    wide = width >= 92
    vram, does = (20, 26) if wide else (9, 0)
    name = 12 if wide else 10
    rest = max(10, width - 2 - name - 1 - 10 - 1 - vram - 1 - does)
    words = [("  node", name + 3), ("state", 11), ("backends", rest), ("memory", vram + 1), ("does", does)]
    return [Piece(fit(word, cells), "dim") for word, cells in words]


def title(node: NodeScene) -> list[Piece]:
    sign, ink = NODE_SIGNS[node.state]
    return [Piece(plain(node.name or node.node), "title"), Piece(f"  {sign} {node.state}", ink)]


def card(node: NodeScene, running: RunningJob | None, width: int) -> list[Line]:
    """All that is known of it, for a pane `width` cells wide."""
    inside = width - 2
    lines: list[Line] = []
    if node.node != node.name:
        lines.append([Piece(" id     ", "dim"), Piece(fit(plain(node.node), inside - 7))])
    if node.vram_gb:
        lines.append([Piece(" memory ", "dim"), *memory(node, min(30, inside - 7))])
    lines += [[], *backends(node, inside)]
    if running is not None:
        part = f" {int(share(running) * 100)}%  {clock(running.eta_s)}"
        cells = max(4, inside - 3 - len(part))
        lines += [[Piece(" running", "title")], [Piece(f"   {plain(running.job)} {plain(running.stage)}")]]
        lines += [[Piece("   "), *bar(share(running), cells), Piece(part, "run")], []]
    elif node.why_idle:
        lines += [[Piece(" does nothing", "title")], *block(node.why_idle, inside, "dim"), []]
    lines.append([Piece(" loaded", "title")])
    lines += [[Piece(fit_middle(f"   {plain(name)}", inside), "text")] for name in node.resident]
    return lines if node.resident else [*lines, [Piece("   no model", "dim")]]


def backends(node: NodeScene, width: int) -> list[Line]:
    lines: list[Line] = [[Piece(" backends", "title")]]
    for one in servers_of(node):
        ink = SERVER_INKS[one.state]
        release = f"  {plain(one.release)}" if one.release else ""
        lines.append([Piece(f"  {SERVER_SIGNS[one.state]} ", ink), Piece(plain(one.kind), "strong"),
                      Piece(f"  {one.state}", ink), Piece(release, "dim")])  # fmt: skip
        if one.url:
            lines.append([Piece("    " + fit_middle(plain(one.url), max(6, width - 4)), "dim")])
        lines += block(one.trouble, width - 1, ink) if one.trouble else []
    return [*lines, []] if len(lines) > 1 else [*lines, [Piece("   none", "dim")], []]


def block(text: str, width: int, ink: str) -> list[Line]:
    return [[Piece("    " + line, ink)] for line in wrap(text, max(8, width - 4), 6)]


def troubled(nodes: Sequence[NodeScene]) -> tuple[str, BackendState] | None:
    """The backend that is worst off on nodes that are there: for the first line of every area."""
    found = [(one.kind, one.state) for node in nodes if node.state != "lost" for one in node.servers]
    bad = [pair for pair in found if pair[1] != "ready"]
    return min(bad, key=lambda pair: pair[1]) if bad else None
