"""An overlay: what may vary besides the words of a prompt, and within which limits. JSON or YAML.

{styles: [{name: ink, weight: 2}], loras: [{name: sea_haze, weight: [0.4, 0.8], probability: 0.5}],
 embeddings: [fine_detail], grades: [warm tones, cool tones], fields: {txt2img.cfg: [5.0, 7.5]},
 places: {weather: {probability: 0.4, weights: {rain: 3}}}, most: 2}
"""

from typing import NamedTuple

from daemon.prompting.chosen import Part, Words, part, words_of
from daemon.prompting.filled import Filled, read_places
from daemon.prompting.ranges import Field, read_fields
from daemon.prompting.shape import Table, open_table
from daemon.prompting.texts import file_stem, told
from schema.errors import Refused


class Overlay(NamedTuple):
    name: str
    styles: tuple[Words, ...] = ()
    loras: tuple[Part, ...] = ()
    embeddings: tuple[Part, ...] = ()
    grades: tuple[Words, ...] = ()
    fields: tuple[Field, ...] = ()
    places: Filled = Filled()
    """Of the prompt's own places to vary; they do not count for `most`."""
    most: int | None = None
    """So many of all these at once; None: no limit."""
    probability: float = 1.0
    """That one of them varies at all, where it does not say so itself."""
    source: str = ""
    warnings: tuple[str, ...] = ()


def read_overlay(file: str, text: str) -> Overlay:
    """Raises Refused with `file:line:column`."""
    warnings: list[str] = []
    table = open_table(file, text, "what may vary, such as `grades: [warm tones]`,", warnings)
    inner = table.take("overlay")
    table = Table(file, inner, "'overlay'", warnings) if inner is not None else table
    most = table.number("most", "max", "at_most", low=0, high=100)
    probability = table.number("probability", "chance", low=0, high=1)
    overlay = Overlay(
        name=table.words("name", most=200) or file_stem(file),
        styles=tuple(map(words_of(file, "name", warnings), table.items("styles", "style"))),
        loras=tuple(part(file, node, warnings) for node in table.items("loras", "lora")),
        embeddings=tuple(part(file, node, warnings) for node in table.items("embeddings", "embedding")),
        grades=tuple(map(words_of(file, "text", warnings), table.items("grades", "colour_grades", "color_grades"))),
        fields=read_fields(file, table.table("fields", "set", "settings"), warnings),
        places=read_places(file, table.table("places", "place"), warnings),
        most=None if most is None else int(most),
        probability=1.0 if probability is None else probability,
        source=told(file),
    )
    for spare in ("description", "note", "version"):
        table.take(spare)
    table.tell_rest()
    listed = overlay.styles or overlay.loras or overlay.embeddings or overlay.grades
    if not (listed or overlay.fields or any(overlay.places)):
        raise Refused(
            "nothing in it varies.",
            where=told(file),
            remedy="Write styles, loras, embeddings, grades, fields or places into it.",
        )
    return overlay._replace(warnings=tuple(warnings))
