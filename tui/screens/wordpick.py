"""A LoRA or an embedding into the prompt: what nodes have and what lies in the library's folders, favourites first."""

from collections.abc import Sequence

from schema.errors import Refused
from schema.models import ModelRow
from schema.pages import Resource
from tui.link.favoured import Rows, stem
from tui.screens.chooser import Chooser

TRIGGERS = 3
"""Trigger words that come along with a LoRA, at most."""


class WordPick(Chooser):
    """Answers the words as they are put into the prompt, or None."""

    whose = ""

    def __init__(self, backend: str = "") -> None:
        super().__init__("into the prompt", ("loras", "embeddings"), empty=False, backend=backend)
        self._rows: dict[str, ModelRow] = {}
        """By the name as a prompt says it."""

    async def every(self, of: str) -> Sequence[Resource]:
        named = await super().every(of)
        try:
            rows = (await self.home.asker.get("/v1/models", Rows, {"list": of})).items
        except Refused:
            rows = ()  # nobody looks after models: the nodes' names are all there is
        self._rows = {stem(row.name).casefold(): row for row in reversed(rows)}
        known = {stem(one.name).casefold() for one in named}
        here = [
            Resource(list=of, name=row.name, nodes=row.nodes, backends=row.backends or ("in your folders",))
            for row in rows
            if row.path and stem(row.name).casefold() not in known
        ]
        return (*named, *here)

    def told(self, name: str) -> str:
        word = stem(name)
        if self.of != "loras":
            return word
        row = self._rows.get(word.casefold())
        weight = row.weight if row is not None and row.weight is not None else 1.0
        return ", ".join((f"<lora:{word}:{weight:g}>", *(row.triggers[:TRIGGERS] if row is not None else ())))
