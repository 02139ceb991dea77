"""What the first start tells: what this is, where pictures go, what can draw them, and which key does what. Pure."""

from collections.abc import Sequence

from schema.scenes import BackendScene, NodeScene, RunningJob
from tui.keys import face
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain, wrap
from tui.widgets.jobrow import bar, clock, share

PROMPT = "a lighthouse on a cliff at dusk, warm light in its windows, calm sea"
"""Of the first picture."""

WHAT = (
    "It makes pictures from words: one or thousands, on this machine and on others that you pair with it. What you ask "
    "for waits in a queue that survives everything; what you rate teaches it which settings suit you."
)

SIGNS: dict[str, tuple[str, str]] = {"ready": ("●", "good"), "starting": ("◐", "warn")}

FURTHER = (
    ("welcome.new", "a prompt of your own"), ("welcome.library", "packs: prompts in files"),
    ("welcome.nodes", "another machine that draws"), ("welcome.settings", "settings"), ("welcome.leave", "the queue"),
)  # fmt: skip
"""Where one can go from here, whatever was made."""


def hello(folder: str, nodes: Sequence[NodeScene], width: int, high: int) -> list[Line]:
    """Everything before the first picture; without empty lines where there are few."""
    wide = min(width - 4, 96)
    gap: list[Line] = [[]] if high >= 18 else []
    lines: list[Line] = [*gap, [Piece("  stablenew", "title")], *_block(WHAT, wide, 4), *gap]
    lines += [[Piece("  pictures go to  ", "dim"), Piece(fit_middle(plain(folder) or "…", wide - 16).rstrip())], *gap]
    lines += [*drawers(nodes, wide), *gap]
    lines += [[Piece(f"  {face('welcome.make')}", "key"), Piece("  makes the first picture", "strong")]]
    lines += [[Piece(f"     {one}", "dim")] for one in wrap(f"“{PROMPT}”", wide - 5, 2)]
    return [*lines, *gap, *(further(width - 4) if high >= 16 else [])]


def drawers(nodes: Sequence[NodeScene], wide: int) -> list[Line]:
    """Who can draw, and what to do where that is only the stand-in."""
    every = [(node, server) for node in nodes if node.state not in ("new", "taken", "lost") for server in node.servers]
    drawing = [one for one in every if one[1].kind not in ("llm", "words")]
    lines: list[Line] = []
    for number, (node, server) in enumerate(drawing[:4]):
        head = "  what draws      " if not number else " " * 18
        lines.append([Piece(head, "dim"), *_drawer(node, server, wide - 16)])
    if not drawing:
        found = "nothing yet" if every else "looking for it …"
        lines.append([Piece("  what draws      ", "dim"), Piece(found, "warn")])
    if every and not drawing:
        lines += _block(
            "Give Settings the address of your server (agent.webui or agent.comfyui), or pair a machine that has one. "
            "With agent.sketch everything can be tried without.",
            wide, 4,
        )  # fmt: skip
    real = [server for _, server in drawing if server.kind != "sketch"]
    if drawing and not real:
        lines += _block(
            "sketch needs no GPU and draws simple pictures, so that everything can be tried. For real ones give "
            "Settings the address of your server (agent.webui or agent.comfyui), or pair a machine that has one.",
            wide, 4,
        )  # fmt: skip
    for server in [one for one in real if one.state != "ready"][:1]:
        lines += _block(server.trouble or f"{server.kind} is {server.state}.", wide, 2, "warn")
    return lines


def _drawer(node: NodeScene, server: BackendScene, room: int) -> list[Piece]:
    sign, ink = SIGNS.get(server.state, ("○", "bad"))
    where = server.url if server.url and not server.url.startswith("sketch") else node.name or node.node
    words = f" {server.state}  {plain(where)}"
    return [
        Piece(f"{sign} ", ink),
        Piece(fit(plain(server.kind), 10), "strong"),
        Piece(fit(words, max(4, room - 12)).rstrip(), "dim"),
    ]


def further(wide: int) -> list[Line]:
    """The other keys, as many on a line as fit."""
    lines: list[list[Piece]] = [[Piece("  ")]]
    room = wide
    for id, words in FURTHER:
        key = face(id)
        long = len(key) + len(words) + 4
        if long > room:
            lines.append([Piece("  ")])
            room = wide
        room -= long
        lines[-1] += [Piece(key, "key"), Piece(f" {words}   ", "text")]
    return list(lines)


def making(job: RunningJob | None, queued: bool, seconds: float, width: int) -> Line:
    """How far the first picture is."""
    if job is None or job.token is None:
        words = "it waits for somebody to draw it" if queued else "asking for it"
        return [Piece(f"  {words} … ", "warn"), Piece(clock(seconds), "dim")]
    part = share(job)
    steps = f" step {job.step} of {job.steps}" if job.steps else f" {plain(job.doing)}"
    eta = f", {clock(job.eta_s)} to go" if job.eta_s is not None else ""
    node = f" on {plain(job.node_name)}" if job.node_name else ""
    cells = 24 if width >= 100 else 12
    return [Piece("  "), *bar(part, cells), Piece(f" {int(part * 100)}%", "run"),
            Piece(fit(f"{steps}{node}{eta}", max(4, width - cells - 10)).rstrip(), "dim")]  # fmt: skip


def waiting(why: str, width: int) -> list[Line]:
    """Why nobody draws it yet, and that it need not be waited for."""
    if not why:
        return []
    keys = [Piece(f"  {face('welcome.settings')}", "key"), Piece(" settings: agent.sketch draws without a server   ")]
    keys += [Piece(face("welcome.leave"), "key"), Piece(" leaves it in the queue")]
    return [*_block(why, min(width - 4, 96), 5, "warn"), [], keys]


def asked(path: str, width: int) -> list[Line]:
    """As many lines as when it is answered: the picture above stays where it is."""
    lines: list[Line] = [
        [Piece("  How do you like it? ", "strong"), Piece(face("welcome.rate1"), "key"), Piece(" not at all … "),
         Piece(face("welcome.rate5"), "key"), Piece(" very much")],
        [Piece(fit("  Every rating is kept; after some dozens it tells which settings you like.", width), "dim")],
    ]  # fmt: skip
    return [[] for _ in range(len(rated(5, path, width)) - len(lines))] + lines


def rated(stars: int, path: str, width: int) -> list[Line]:
    head = [Piece(f"  {'★' * stars}", "star"), Piece(" noted. ", "strong"), Piece(face("welcome.undo"), "key"),
            Piece(" takes it back, here and everywhere.", "dim")]  # fmt: skip
    lies = [Piece("  It lies in ", "dim"), Piece(fit_middle(plain(path), width - 14).rstrip(), "text")]
    return [head, *([lies] if path else []), *further(width - 4)]


def failed(reason: str, width: int) -> list[Line]:
    keys = [
        Piece(f"  {face('welcome.make')}", "key"),
        Piece(" tries again   "),
        Piece(face("welcome.leave"), "key"),
        Piece(" shows it in the queue: "),
    ]
    wide = min(width - 4, 96)
    return [
        [Piece("  It was not made.", "bad")],
        *_block(reason or "nobody says why", wide, 3, "bad"),
        [*keys, Piece(face("queue.why"), "key"), Piece(" there says more")],
    ]


def _block(text: str, wide: int, most: int, ink: str = "text") -> list[Line]:
    return [[Piece(f"  {one}", ink)] for one in wrap(text, wide, most)]
