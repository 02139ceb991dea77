"""Pictures in the views: stored, trashed, deleted, and the stars and tags they have now."""

from typing import assert_never

from daemon.views.fold.statement import Statement
from schema import events as e
from schema.ids import ImageId

DELETED = 2
"""In column `trashed`: not in the trash any more, but gone."""

ImageEvent = e.ArtifactStored | e.ImageRated | e.ImageTagged | e.ImageTrashed | e.ImageRestored | e.PicturesDeleted


def fold(envelope: e.Envelope, event: ImageEvent) -> list[Statement]:
    match event:
        case e.ArtifactStored():
            return [_stored(envelope, event)]
        case e.ImageRated(image=image, stars=stars):
            return [(RATED, (stars, image)), (JOB_STARS, (image,))]
        case e.ImageTagged(image=image, added=added, removed=removed):
            return [
                *((TAGGED, (image, tag)) for tag in added),
                *((UNTAGGED, (image, tag)) for tag in removed),
            ]
        case e.ImageTrashed(image=image):
            return _trashed(envelope, image, 1)
        case e.ImageRestored(image=image):
            return _trashed(envelope, image, 0)
        case e.PicturesDeleted(images=images):
            return [one for image in images for one in _trashed(envelope, image, DELETED)]
        case _:
            assert_never(event)


def _trashed(envelope: e.Envelope, image: ImageId, now: int) -> list[Statement]:
    """What was deleted comes back no more, whatever is said of it later."""
    return [(TRASHING, (envelope.seq, envelope.at, now, image)), (TRASHED, (now, image))]


def _stored(envelope: e.Envelope, event: e.ArtifactStored) -> Statement:
    file = event.file
    return STORED, (
        envelope.seq, event.image, event.run, event.stage, event.token, event.index, envelope.at, file.media,
        file.bytes, file.width, file.height, file.sha256, file.pixels, file.seed, event.job, event.suspect,
    )  # fmt: skip


STORED = (
    "INSERT INTO images(n, id, job, run, stage, token, number, final, created, media, bytes, width, height,"
    " sha256, pixels, seed, pack, model, node, suspect)"
    " SELECT ?1, ?2, id, ?3, ?4, ?5, ?6, ?4 = last, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
    " coalesce(?14, seed), pack, model, node, ?16 FROM jobs WHERE id = ?15"
)
RATED = "UPDATE images SET stars = ? WHERE id = ?"
JOB_STARS = (
    "UPDATE jobs SET stars = (SELECT max(stars) FROM images WHERE job = jobs.id)"
    " WHERE id = (SELECT job FROM images WHERE id = ?)"
)
TAGGED = "INSERT OR IGNORE INTO tags VALUES (?, ?)"
UNTAGGED = "DELETE FROM tags WHERE image = ? AND tag = ?"
TRASHED = "UPDATE images SET trashed = ? WHERE id = ? AND trashed < 2"
TRASHING = "INSERT OR IGNORE INTO trashings SELECT id, ?, ?, ? FROM images WHERE id = ? AND trashed < 2"
