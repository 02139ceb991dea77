"""Models in the views: what a person said of each, by its key. What files there are is not in the log."""

from typing import assert_never

from daemon.views.fold.statement import Statement
from schema import events as e


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


NAMED = "INSERT INTO models(key, name) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET name = excluded.name"
TAGGED = "INSERT OR IGNORE INTO model_tags VALUES (?, ?)"
UNTAGGED = "DELETE FROM model_tags WHERE model = ? AND tag = ?"
RATED = "UPDATE models SET stars = ? WHERE key = ?"
FAVOURED = "UPDATE models SET favourite = ? WHERE key = ?"
