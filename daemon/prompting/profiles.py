"""A profile: who and where a story is about, and how that steers what is drawn. JSON or YAML.

{name: Mira, character: "young cartographer, green coat", setting: "rainy harbour town", style: ink and wash,
 backstory: ..., wildcards: {weather: {rain: 3, sun: 0}}, places: {weather: {probability: 0.4}},
 loras: [{name: ink_line, weight: 0.7}]}
"""

from typing import NamedTuple

from daemon.prompting.chosen import Part, part
from daemon.prompting.filled import Filled, Weights, read_places, weights_of
from daemon.prompting.marked.nodes import Node
from daemon.prompting.shape import Table, open_table
from daemon.prompting.texts import MAX_PROMPT, file_stem, told

MAX_MEMORY = 50


class Profile(NamedTuple):
    name: str
    character: str = ""
    setting: str = ""
    style: str = ""
    """Words; or the name of a style of the library, if it is exactly one."""
    backstory: str = ""
    """For prompt stages that tell a story; not put into prompts."""
    negative: str = ""
    wildcards: Weights = {}
    """By the wildcard's name without its `__`."""
    places: Filled = Filled()
    loras: tuple[Part, ...] = ()
    overlay: str | None = None
    template: str | None = None
    memory: int | None = None
    """How many previous prompts a stage that writes prompts is given; None: as the stage says."""
    source: str = ""
    warnings: tuple[str, ...] = ()

    def weight(self, wildcard: str, value: str) -> float:
        """What the weight of this value is multiplied by; 1 where the profile does not speak of it."""
        own = self.wildcards.get(plain_name(wildcard), {}).get(value.strip(), 1.0)
        return own * self.places.weight(wildcard, value)


def read_profile(file: str, text: str) -> Profile:
    """Raises Refused with `file:line:column`."""
    warnings: list[str] = []
    table = open_table(file, text, "a character or a setting", warnings)
    inner = table.take("profile")
    table = Table(file, inner, "'profile'", warnings) if inner is not None else table
    memory = table.number("memory", low=0, high=MAX_MEMORY)
    profile = Profile(
        name=table.words("name", "title", most=200) or file_stem(file),
        character=table.words("character", "characters"),
        setting=table.words("setting", "settings", "location"),
        style=table.words("style", "styles"),
        backstory=table.words("backstory", "story", "storyline", "background", most=MAX_PROMPT),
        negative=table.words("negative", "negative_prompt"),
        wildcards=_weights(file, table.table("wildcards", "wildcard_weights", "weights"), warnings),
        places=read_places(file, table.table("places", "place"), warnings),
        loras=tuple(part(file, node, warnings) for node in _loras(table)),
        overlay=table.words("overlay", most=200) or None,
        template=table.words("template", most=200) or None,
        memory=None if memory is None else int(memory),
        source=told(file),
    )
    for spare in ("description", "note", "version"):
        table.take(spare)
    table.tell_rest()
    said = (profile.character, profile.setting, profile.style, profile.backstory, profile.negative)
    steered = profile.wildcards or any(profile.places) or profile.loras
    if not (any(said) or steered or profile.overlay or profile.template):
        warnings.append(f"{told(file)}: says nothing yet; write a character, a setting, a style or loras into it.")
    return profile._replace(warnings=tuple(warnings))


def plain_name(wildcard: str) -> str:
    """`__Weather/Sky__` -> `weather/sky`."""
    return wildcard.strip().removeprefix("__").removesuffix("__").replace("\\", "/").strip("/ ").casefold()


def _weights(file: str, table: Table | None, warnings: list[str]) -> dict[str, dict[str, float]]:
    """`{sky: {dawn: 3, dusk: 0}}` or `{sky: [3::dawn, {text: dusk, weight: 0}]}`."""
    each = table.rest() if table else ()
    return {plain_name(name): weights_of(file, name, node, warnings) for name, node in each}


def _loras(table: Table) -> tuple[Node, ...]:
    """A list, or a table of names and weights."""
    node = table.take("loras", "lora")
    if node is None or node.value is None:
        return ()
    if isinstance(node.value, dict) and "name" not in node.value:
        return tuple(
            Node([Node(name, one.line, one.column), one], one.line, one.column)
            if not isinstance(one.value, dict)
            else Node({"name": Node(name, one.line, one.column), **one.value}, one.line, one.column)
            for name, one in node.value.items()
        )
    return tuple(node.value) if isinstance(node.value, list) else (node,)
