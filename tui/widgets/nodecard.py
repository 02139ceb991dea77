"""A node whole: what it is, its memory and load, what it does or why not, what was measured. Pure."""

from schema.orders import BackendState
from schema.pages import NodeDay
from schema.scenes import NodeScene, RunningJob
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain, wrap
from tui.widgets.jobrow import bar, clock, lasted, share
from tui.widgets.nodeline import LOUD, NODE_SIGNS, SERVER_INKS, STRANGERS, name_of, place, servers_of

SERVER_SIGNS: dict[BackendState, str] = {"ready": "●", "starting": "◐", "disconnected": "○"}

BAR = 24


def title(node: NodeScene) -> list[Piece]:
    sign, ink = NODE_SIGNS[node.state]
    gpus = ", ".join(dict.fromkeys(plain(gpu.name) for gpu in node.gpus))
    return [Piece(name_of(node), "title"), Piece(f"  {gpus}" if gpus else ""), Piece(f"  {sign} {node.state}", ink)]


def card(node: NodeScene, running: RunningJob | None, width: int, day: NodeDay | None = None) -> list[Line]:
    """All that is known of it, for a pane `width` cells wide; `day`: what it did of late, once that is known."""
    inside = width - 2
    lines: list[Line] = [*trouble(node, inside), *meters(node, inside)]
    if running is not None:
        part = f" {int(share(running) * 100)}%  {clock(running.eta_s)}"
        cells = max(4, inside - 3 - len(part))
        lines += [[Piece(" running", "title")], [Piece(f"   {plain(running.job)} {plain(running.stage)}")]]
        lines += [[Piece("   "), *bar(share(running), cells), Piece(part, "run")], []]
    elif node.why_idle:
        lines += [[Piece(" does nothing", "title")], *block(node.why_idle, inside, "dim"), []]
    if node.state not in STRANGERS:
        lines += [*backends(node, inside), *loaded(node, inside), *today(day, inside), *measured(node, inside)]
    return [*lines, *facts(node, inside)]


def trouble(node: NodeScene, width: int) -> list[Line]:
    """What somebody should know first."""
    if node.state == "new":
        words = "It waits to be paired. P, and type the eight digits that it shows. What it says of itself is not"
        return [*block(f"{words} proved before that.", width, "mark"), []]
    if node.state == "taken":
        return [*block(node.trouble or "Another daemon has it. `stablenew agent unpair` there sets it free.", width,
                       "dim"), []]  # fmt: skip
    if not node.trouble:
        return []
    ink = "bad" if node.state in (*LOUD, "lost") else "warn"
    return [[Piece(f" {NODE_SIGNS[node.state][0]} {node.state}", ink)], *block(node.trouble, width, ink), []]


def meters(node: NodeScene, width: int) -> list[Line]:
    """Memory of the card, its load, the machine's memory: each as a bar with its numbers."""
    if node.state in ("lost", *STRANGERS):
        return []
    cells = max(4, min(BAR, width - 30))
    heat = "".join(
        f"  {value:.0f}{unit}" for value, unit in ((node.celsius, " °C"), (node.watts, " W")) if value is not None
    )
    rows = [
        ("VRAM", node.vram_used_gb, node.vram_gb, f"{node.vram_used_gb:.1f}/{node.vram_gb:.1f} GB"),
        ("GPU", node.gpu_percent or 0.0, 0.0 if node.gpu_percent is None else 100.0,
         f"{node.gpu_percent or 0:.0f} %{heat}"),
        ("RAM", node.ram_used_gb, node.ram_gb, f"{node.ram_used_gb:.0f}/{node.ram_gb:.0f} GB"),
    ]  # fmt: skip
    lines: list[Line] = [
        [Piece(f" {name:<5}", "dim"), *bar(min(1.0, used / whole), cells), Piece(f" {told}")]
        for name, used, whole, told in rows
        if whole
    ]
    return [*lines, []] if lines else []


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


def loaded(node: NodeScene, width: int) -> list[Line]:
    held = f"  of {node.models}" if node.models else ""
    lines: list[Line] = [[Piece(" loaded", "title"), Piece(held, "dim")]]
    lines += [[Piece(fit_middle(f"   {plain(name)}", width), "text")] for name in node.resident]
    lines += [] if node.resident else [[Piece("   no model", "dim")]]
    return [*lines, []]


def today(day: NodeDay | None, width: int) -> list[Line]:
    """How much it made, how much of the time it worked and how long its stages took; nothing where it did nothing."""
    if day is None or not day.stages:
        return []
    texts = []
    if day.pictures:
        final = f" ({day.finals:,} final)" if day.finals != day.pictures else ""
        rate = f", {day.per_hour:,.1f} an hour by the clock" if day.per_hour is not None else ""
        texts.append(f"{day.pictures:,} picture{'' if day.pictures == 1 else 's'}{final}{rate}")
    many = "1 stage" if day.stages == 1 else f"{day.stages:,} stages"
    texts.append(f"{many}, p50 {lasted(day.p50_s)}, p95 {lasted(day.p95_s)}")
    worked = f"  worked {hours(day.worked_s)} of {hours(day.clock_s)}"
    head: Line = [Piece(" last 24 h", "title"), Piece(worked, "dim")]
    return [head, *(line for text in texts for line in block(text, width, "text")), []]


def hours(seconds: float | None) -> str:
    """`4.6 h`; less than one as `lasted` tells it."""
    return f"{seconds / 3600:.1f} h" if seconds is not None and seconds >= 3600 else lasted(seconds)


def measured(node: NodeScene, width: int) -> list[Line]:
    """How quick it is, what it did, and what it is not given any more."""
    lines: list[Line] = []
    if node.speed or node.paces:
        speed = f"  {node.speed:.2f} x the fleet's average" if node.speed else ""
        lines += [[Piece(" speed", "title"), Piece(speed, "dim")]]
        lines += [line for pace in node.paces for line in block(pace, width, "text")]
    if node.barred:
        lines += [[Piece(" gets no more of", "warn")]]
        lines += [line for one in node.barred for line in block(one, width, "warn")]
    return [*lines, []] if lines else []


def facts(node: NodeScene, width: int) -> list[Line]:
    ours = node.state not in STRANGERS
    pairs = [
        ("stages", f"{node.done:,} done · {node.failed:,} failed" if ours and (node.done or node.failed) else ""),
        ("at", place(node)),
        ("key" if node.link == "lan" else "id", plain(node.node) + ("" if ours else " (as it claims)")),
        ("version", plain(node.version)),
    ]
    return [[Piece(f" {fit(name, 7)} ", "dim"), Piece(fit_middle(text, width - 9))] for name, text in pairs if text]


def block(text: str, width: int, ink: str) -> list[Line]:
    return [[Piece("    " + line, ink)] for line in wrap(text, max(8, width - 4), 6)]
