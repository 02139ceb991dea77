"""A profile: who and where a story is about, and how that steers what is drawn. JSON or YAML.

{name: Mira, character: "young cartographer, green coat", setting: "rainy harbour town", style: ink and wash,
 backstory: ..., wildcards: {weather: {rain: 3, sun: 0}}, loras: [{name: ink_line, weight: 0.7}]}
"""

from collections.abc import Mapping
from typing import NamedTuple

from daemon.prompting.chosen import MAX_WEIGHT, Part, part
from daemon.prompting.marked.nodes import Node, place
from daemon.prompting.shape import Table, number, open_table
from daemon.prompting.texts import MAX_PROMPT, cleaned, file_stem, told
from schema.errors import Refused

Weights = Mapping[str, Mapping[str, float]]
"""Wildcard, without its `__`, to value to weight."""

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
    loras: tuple[Part, ...] = ()
    overlay: str | None = None
    template: str | None = None
    memory: int | None = None
    """How many previous prompts a stage that writes prompts is given; None: as the stage says."""
    source: str = ""
    warnings: tuple[str, ...] = ()

    def weight(self, wildcard: str, value: str) -> float:
        """What the weight of this value is multiplied by; 1 where the profile does not speak of it."""
        return self.wildcards.get(plain_name(wildcard), {}).get(value.strip(), 1.0)


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
    if not (any(said) or profile.wildcards or profile.loras or profile.overlay or profile.template):
        warnings.append(f"{told(file)}: says nothing yet; write a character, a setting, a style or loras into it.")
    return profile._replace(warnings=tuple(warnings))


def plain_name(wildcard: str) -> str:
    """`__Weather/Sky__` -> `weather/sky`."""
    return wildcard.strip().removeprefix("__").removesuffix("__").replace("\\", "/").strip("/ ").casefold()


def _weights(file: str, table: Table | None, warnings: list[str]) -> dict[str, dict[str, float]]:
    """`{sky: {dawn: 3, dusk: 0}}` or `{sky: [3::dawn, {text: dusk, weight: 0}]}`."""
    found: dict[str, dict[str, float]] = {}
    for name, node in table.rest() if table else ():
        weights: dict[str, float] = {}
        if isinstance(node.value, dict):
            for value, given in node.value.items():
                weights[cleaned(value).strip()] = number(file, given, 0, MAX_WEIGHT)
        elif isinstance(node.value, list):
            for item in node.value:
                value, weight = _weighed(file, item, warnings)
                weights[value] = weight
        else:
            raise Refused(
                f"which values of '{told(name, 40)}'?", where=place(file, node), remedy="Write {dawn: 3, dusk: 0}."
            )
        found[plain_name(name)] = weights
    return found


def _weighed(file: str, node: Node, warnings: list[str]) -> tuple[str, float]:
    if isinstance(node.value, dict):
        table = Table(file, node, "an entry", warnings)
        text = table.words("text", "value", "content", "name")
        weight = table.number("weight", low=0, high=MAX_WEIGHT)
        if text:
            return text, 1.0 if weight is None else weight
    elif isinstance(node.value, str):
        before, colons, text = node.value.rpartition("::")
        given = Node(before, node.line, node.column)
        return cleaned(text).strip(), number(file, given, 0, MAX_WEIGHT) if colons else 1.0
    raise Refused("a value with its weight must stand here.", where=place(file, node), remedy='Write "3::dawn".')


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
