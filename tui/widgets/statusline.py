"""The line that always tells: what is made, what waits, until when, and how the backends are. Pure."""

from collections.abc import Sequence

from schema.orders import BackendState
from schema.scenes import NodeScene, RunningJob
from tui.live import Live
from tui.widgets.ink import Line, Piece, measure, plain
from tui.widgets.jobrow import bar, clock, share
from tui.widgets.nodeline import SERVER_INKS, STRANGERS, troubled

WIDE, WHOLE = 100, 150
"""Cells from which words are written out; and from which every backend is told, not only the worst."""

RANK: dict[BackendState, int] = {"ready": 0, "starting": 1, "disconnected": 2}


def status(live: Live, width: int) -> Line:
    """As much as there is room for. How the backends are is told before what could be looked up elsewhere."""
    wide = width >= WIDE
    fleet = backends(live.scene.nodes, whole=width >= WHOLE)
    parts = [counts(live, wide=wide)]
    on_node = next((one for one in live.running.values() if one.token is not None), None)
    if on_node is not None:
        parts.append(job(on_node, wide=wide))
    if eta := live.scene.queue.eta_s:
        parts.append([Piece(f"queue ~{clock(eta)}" if wide else f"q~{clock(eta)}", "dim")])
    if told := memory(live.scene.nodes, wide=wide):
        parts.append([Piece(told, "dim")])
    kept = measure(fleet) + 3 if fleet and (not wide or width >= WHOLE) else 0
    line = [Piece(" ")]
    for number, part in enumerate(parts):
        if measure(line) + measure(part) + 4 + kept > width and number:
            break
        line += [*([Piece(" │ ", "faint")] if number else []), *part]
    if fleet and measure(line) + measure(fleet) + 4 <= width:
        line += [Piece(" │ ", "faint"), *fleet]
    return line


def counts(live: Live, *, wide: bool) -> list[Piece]:
    queue, many = live.scene.queue, live.scene.queue.counts
    failed = sum(run.failed for run in live.scene.runs) + many.attention
    gap = "  " if wide else " "
    line = [Piece(f"▶ {many.running} run" if wide else f"▶{many.running}", "run" if many.running else "dim")]
    if queue.paused:
        line.append(Piece(f"{gap}‖ paused", "warn"))
    line.append(Piece(f"{gap}{many.queued:,} queued" if wide else f"{gap}○{many.queued:,}", "text"))
    if many.held:
        line.append(Piece(f"{gap}{many.held:,} held" if wide else f"{gap}‖{many.held:,}", "warn"))
    if failed:
        line.append(Piece(f"{gap}{failed:,} failed" if wide else f"{gap}✗{failed:,}", "bad"))
    if queue.blocked:
        line.append(Piece(f"{gap}{plain(queue.blocked)}", "warn"))
    return line


def job(running: RunningJob, *, wide: bool) -> list[Piece]:
    part = share(running)
    steps = f"{running.step}/{running.steps} " if running.steps else f"{plain(running.doing)} " if running.doing else ""
    eta = ""
    if running.eta_s is not None:
        eta = f" ETA {clock(running.eta_s)}" if wide else f" {clock(running.eta_s)}"
    stage = f"{plain(running.stage)} " if wide else ""
    return [
        Piece(f"{plain(running.job)} ", "text"),
        Piece(stage + steps, "dim"),
        *bar(part, 10 if wide else 6),
        Piece(f" {int(part * 100)}%", "run"),
        Piece(eta, "dim"),
    ]


def memory(nodes: Sequence[NodeScene], *, wide: bool) -> str:
    told = [node for node in nodes if node.vram_used_gb]
    used, have = sum(node.vram_used_gb for node in told), sum(node.vram_gb for node in told)
    return (f"VRAM {used:.1f}/{have:.0f}G" if wide else f"{used:.0f}/{have:.0f}G") if told else ""


def backends(nodes: Sequence[NodeScene], *, whole: bool) -> list[Piece]:
    """`whole`: each kind with its state, by the best of its servers; else only what is wrong."""
    ours = [node for node in nodes if node.state not in STRANGERS]
    bad = troubled(ours)
    if not whole:
        return [Piece(*bad)] if bad is not None else []
    states: dict[str, BackendState] = {}
    for node in ours:
        for one in node.servers if node.state != "lost" else ():
            best = states.get(one.kind)
            if best is None or RANK[one.state] < RANK[best]:
                states[one.kind] = one.state
    told: list[Piece] = []
    for kind, state in states.items():
        told += [Piece("  " if told else "", "dim"), Piece(f"{plain(kind)} ", "text"), Piece(state, SERVER_INKS[state])]
    if bad is not None and not any(bad[0] == f"{kind} {state}" for kind, state in states.items()):
        told += [Piece("  ", "dim"), Piece(*bad)]
    return told or [Piece("no backend", "warn")]
