"""Models in the views: what a person said of each, by its key, and which job used which LoRA.

What files there are is not in the log.
"""

from collections.abc import Iterable
from typing import assert_never

from daemon.prompting.needs import parted, words_need
from daemon.views.fold.statement import Statement
from schema import events as e
from schema.names import plain


def fold(event: e.ModelTagged | e.ModelRated | e.ModelFavoured) -> list[Statement]:
    named = (NAMED, (event.model, event.name))
    match event:
        case e.ModelTagged(model=model, added=added, removed=removed):
            gone = [(UNTAGGED, (model, tag)) for tag in removed]
            return [named, *((TAGGED, (model, tag)) for tag in added), *gone]
        case e.ModelRated(model=model, stars=stars):
            return [named, (RATED, (stars, model))]
        case e.ModelFavoured(model=model, now=now):
            return [named, (FAVOURED, (int(now), model))]
        case _:
            assert_never(event)


def used(job: str, needs: Iterable[str]) -> list[Statement]:
    """By what a job's prompt needs: `loras:sub/haze`."""
    parts = (parted(need) for need in needs)
    return [(USED, (job, list_, plain(name).rpartition("/")[2])) for list_, name in parts if list_ in IN_WORDS]


def used_now(job: str, needs: Iterable[str]) -> list[Statement]:
    """Of a job whose prompt is another than before."""
    return [(UNUSED, (job,)), *used(job, needs)]


def found(event: e.StageFinished) -> list[Statement]:
    """What a stage that makes prompts put into it."""
    prompt = event.reported.get("prompt")
    return used(event.job, words_need(prompt, "")) if isinstance(prompt, str) else []


IN_WORDS = frozenset({"loras", "embeddings", "hypernetworks"})
USED = "INSERT OR IGNORE INTO used VALUES (?, ?, ?)"
UNUSED = "DELETE FROM used WHERE job = ?"
NAMED = "INSERT INTO models(key, name) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET name = excluded.name"
TAGGED = "INSERT OR IGNORE INTO model_tags VALUES (?, ?)"
UNTAGGED = "DELETE FROM model_tags WHERE model = ? AND tag = ?"
RATED = "UPDATE models SET stars = ? WHERE key = ?"
FAVOURED = "UPDATE models SET favourite = ? WHERE key = ?"
