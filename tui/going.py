"""The ways from a thing to the area that shows it: to its place in a list, and to what the log says of it."""

import msgspec
from textual.screen import Screen

from schema.errors import NoDaemon, Refused
from schema.ids import JobId, NodeId, RunId
from tui.palette import Palette
from tui.travel import Travelling


class JobOfImage(msgspec.Struct, frozen=True):
    """Of a picture's record, whose it is."""

    image: "ImageOfJob"


class ImageOfJob(msgspec.Struct, frozen=True):
    job: str


class Going(Travelling):
    async def action_go(self, area: str) -> None:
        """To an area, or to a tab of one."""

    async def action_themes(self) -> None:
        """Asked in Settings: what is taken there is kept, and z takes it back."""
        from tui.screens.configure import ConfigureScreen

        await self.action_go("settings")
        if isinstance(self.screen, ConfigureScreen):
            await self.screen.ask_theme(self.theme)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    async def logs_of(self, filter: str) -> None:
        """To the log, with what this FILTER of events says."""
        await self._go_to("logs.events", filter)

    async def show_job(self, job: JobId) -> None:
        await self._go_to("queue.jobs", f"job:{job}")

    async def show_run(self, run: RunId) -> None:
        await self._go_to("queue.jobs", f"run:{run}")

    async def show_pictures_of(self, of: RunId | JobId) -> None:
        """In the gallery, those of a run or of a job."""
        await self._go_to("gallery", f"{'job' if '.' in of else 'run'}:{of}")

    async def show_node(self, node: NodeId) -> None:
        await self._go_to("nodes", "", node)

    async def show_image(self, image: str) -> None:
        """In the gallery, among the pictures of its job."""
        try:
            job = (await self.asker.get(f"/v1/images/{image}", JobOfImage)).image.job
        except (Refused, NoDaemon) as fault:
            self.say(str(fault), bad=True)
        else:
            await self._go_to("gallery", f"job:{job}", image)

    async def _go_to(self, area: str, filter: str, item: str = "") -> None:
        """In the first tab of the area, or in the tab that is named."""
        from tui.areas import modes_of
        from tui.screens.listarea import ListScreen

        await self.action_go(area if "." in area else modes_of(area)[0])
        screen: Screen[object] = self.screen
        if isinstance(screen, ListScreen):
            screen.show_only(filter, item)
