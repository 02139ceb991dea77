"""What the header of a model says of it: modelspec, and what kohya's trainer notes (`ss_*`). Pure."""

from daemon.library.models.bases import base_in, list_of
from daemon.library.models.header import Header
from daemon.library.models.loose import Loose
from daemon.library.models.sidecars import spec
from daemon.library.models.told import Told, merged

MOST_TRAINED = 100


def said(header: Header, file: str) -> Told:
    """Never nothing: names and shapes of tensors tell kind and base where no metadata does."""
    it = Loose(dict(header.metadata))
    told = spec(it, "header", file)
    base = told.base or it.text("ss_base_model_version") or base_in(header.tensors)
    return Told(
        kind="header",
        file=file,
        title=told.title or it.text("ss_output_name"),
        list=list_of(header.tensors, header.metadata),
        base="" if base.lower() == "unknown" else base,
        triggers=told.triggers or it.texts("ss_trigger_words"),
        tags=merged((told.tags, it.texts("ss_tags"))),
        weight=told.weight,
        description=told.description or it.text("ss_training_comment"),
        notes=told.notes,
        author=told.author,
        resolution=told.resolution or it.text("ss_resolution").strip("() "),
        trained=trained(it.inner("ss_tag_frequency")),
        sha256=told.sha256,
        thumbnail=told.thumbnail,
    )


def trained(frequency: Loose) -> tuple[tuple[str, int], ...]:
    """Words of all data sets together, the most frequent first; those as frequent in the order of the alphabet."""
    counts: dict[str, int] = {}
    for name in frequency.names():
        for word, number in frequency.inner(name).counts().items():
            key = word.strip()[:100]
            counts[key] = counts.get(key, 0) + number
    counts.pop("", None)
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_TRAINED])
