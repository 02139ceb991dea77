"""The line of the Library's tabs; where there is little room it slides so that the one in view is on it."""

from textual import events

from tui.widgets.ink import Drawn, Line, Piece

TABS: tuple[tuple[str, str], ...] = (
    ("packs", "Packs"), ("models", "Models"), ("loras", "LoRAs"), ("wildcards", "Wildcards"), ("styles", "Styles"),
    ("profiles", "Profiles"), ("presets", "Presets"), ("pipelines", "Pipelines"), ("templates", "Templates"),
    ("overlays", "Overlays"), ("workflows", "Workflows"),
)  # fmt: skip
"""Each as it is asked for, and in words."""


class LibraryTabs(Drawn):
    ALLOW_SELECT = False

    def __init__(self, tab: str) -> None:
        super().__init__(id="library-tabs")
        self._at = [name for name, _ in TABS].index(tab)

    def shown(self) -> range:
        """Which of them there is room for."""
        room = self.size.width - 4
        first = 0
        while first < self._at and sum(_wide(TABS[at][1]) for at in range(first, self._at + 1)) > room:
            first += 1
        last = first
        while last < len(TABS) and sum(_wide(TABS[at][1]) for at in range(first, last + 1)) <= room:
            last += 1
        return range(first, max(last, self._at + 1))

    def line(self, y: int) -> Line:
        shown = self.shown()
        line = [Piece("‹ " if shown.start else "  ", "dim")]
        for at in shown:
            here = at == self._at
            line.append(Piece(f"[{TABS[at][1]}]" if here else f" {TABS[at][1]} ", "active" if here else "dim"))
        return [*line, Piece(" ›" if shown.stop < len(TABS) else "", "dim")]

    async def on_click(self, event: events.Click) -> None:
        x = 2
        shown = self.shown()
        if event.x < x and shown.start:
            await self.run_action("screen.tab(-1)")
        for at in shown:
            if x <= event.x < x + _wide(TABS[at][1]):
                await self.run_action(f"screen.tab({at - self._at})")
            x += _wide(TABS[at][1])
        if event.x >= x and shown.stop < len(TABS):
            await self.run_action("screen.tab(1)")


def _wide(title: str) -> int:
    return len(title) + 2
