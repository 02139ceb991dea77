"""What the disk holds, in lines: pictures by kind, folders, and runs by size. Pure."""

from collections.abc import Sequence

from schema.diskuse import Count, Cut, DiskUse, RunUse
from schema.sizes import size
from tui.keys import pressed
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain

BAR = 24


def head(use: DiskUse, width: int) -> list[Line]:
    """Kinds, folders and disks; in two columns where there is room."""
    kinds, folders = _kinds(use), _folders(use)
    lines: list[Line] = []
    if width >= 100:
        half = width // 2
        for n in range(max(len(kinds), len(folders))):
            left = kinds[n] if n < len(kinds) else []
            right = folders[n] if n < len(folders) else []
            lines.append([*_cut(left, half), *right])
    else:
        lines = [*kinds, [], *folders]
    return [*lines, *_disks(use, width), []]


def _kinds(use: DiskUse) -> list[list[Piece]]:
    whole = max(1, use.finals.bytes + use.stages.bytes + use.films.bytes)
    rows = (("final pictures", use.finals), ("earlier stages", use.stages), ("films", use.films))
    lines = [_kind(name, count, whole) for name, count in rows]
    lines.append(_kind("in the trash", use.trash, whole))
    lines.append(_kind("finals with stars", use.rated, whole))
    return lines


def _kind(name: str, count: Count, whole: int) -> list[Piece]:
    full = min(BAR // 2, round(BAR // 2 * count.bytes / whole))
    return [
        Piece(f" {name:<18}", "dim"), Piece(f"{count.pictures:>7,} "), Piece(f"{size(count.bytes):>9} "),
        Piece("█" * full, "run"), Piece("░" * (BAR // 2 - full), "faint"),
    ]  # fmt: skip


def _folders(use: DiskUse) -> list[list[Piece]]:
    shown = sorted((one for one in use.folders if one.bytes), key=lambda one: -one.bytes)
    return [
        [Piece(f" {fit(plain(one.name), 28)}", "dim"), Piece(f"{one.files:>8,} "), Piece(f"{size(one.bytes):>9}")]
        for one in shown
    ]


def _disks(use: DiskUse, width: int) -> list[Line]:
    lines: list[Line] = []
    for disk in use.disks:
        words = f" {size(disk.free)} free of {size(disk.total)} at "
        lines.append(
            [Piece(words, "good"), Piece(fit_middle(plain(disk.path), max(8, width - len(words) - 1)).rstrip(), "dim")]
        )
    if use.damaged:
        many = "1 file is" if use.damaged == 1 else f"{use.damaged:,} files are"
        lines.append([Piece(f" {many} damaged or gone: {pressed('disk.check')} says which", "bad")])
    return lines


def heads(width: int) -> Line:
    return [Piece(_columns("run", "size", "finals", "stages", "of them", "trash", "rated", "name", width), "faint")]


def of_run(run: RunUse, width: int, *, here: bool) -> Line:
    words = _columns(
        run.run, size(run.bytes), f"{run.finals:,}", f"{run.stages:,}", size(run.stages_bytes),
        f"{run.trash:,}" if run.trash else "", f"{run.rated:,}" if run.rated else "", plain(run.name), width,
    )  # fmt: skip
    return [Piece(fit(f">{words[1:]}" if here else words, width), "cursor" if here else "text")]


def _columns(
    run: str, taken: str, finals: str, stages: str, of_them: str, trash: str, rated: str, name: str, width: int
) -> str:
    wide = f"  {run:<9}{taken:>9}{finals:>7}{stages:>7}{of_them:>10}"
    if width >= 76:
        wide += f"{trash:>6}{rated:>6}"
    return f"{wide}  {name}"


def question(cut: Cut, freed: int, what: str) -> tuple[str, str]:
    """What is asked before it is deleted, and what one should know besides."""
    many = cut.finals + cut.stages
    pictures = "1 picture" if many == 1 else f"{many:,} pictures"
    left = []
    if cut.rated:
        left.append(f"{cut.rated:,} rated {'stays' if cut.rated == 1 else 'stay'}")
    if cut.unfinished:
        left.append(f"{cut.unfinished:,} of unfinished jobs {'stays' if cut.unfinished == 1 else 'stay'}")
    if cut.finals and cut.stages:
        left.insert(0, f"{cut.stages:,} of them are of earlier stages")
    detail = "; ".join([*left, "this cannot be taken back"])
    return f"Delete {pictures} {what} for good? {size(freed)}", detail[0].upper() + detail[1:] + "."


def nothing(cut: Cut) -> str:
    """Why there is nothing to delete."""
    if cut.rated:
        stay = f"{cut.rated:,} rated {'stays' if cut.rated == 1 else 'stay'}"
        return f"nothing to delete: {stay}; {pressed('gallery.unrate')} takes stars back"
    if cut.unfinished:
        return f"nothing to delete: {cut.unfinished:,} of jobs that are not done yet"
    return "nothing to delete"


def _cut(line: Sequence[Piece], width: int) -> list[Piece]:
    taken = sum(len(piece.text) for piece in line)
    return [*line, Piece(" " * max(0, width - taken))]
