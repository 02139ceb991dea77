"""Pictures in the views: stored, rated, tagged, compared, trashed."""

from typing import assert_never

from daemon.views.fold.statement import Statement
from schema import events as e

ImageEvent = (
    e.ArtifactStored | e.ImageRated | e.ImageTagged | e.ImagesCompared | e.ComparisonTakenBack
    | e.ImageTrashed | e.ImageRestored
)  # fmt: skip


def fold(envelope: e.Envelope, event: ImageEvent) -> list[Statement]:
    match event:
        case e.ArtifactStored():
            return [_stored(envelope, event)]
        case e.ImageRated(image=image, stars=stars):
            return [(RATED, (stars, image)), (JOB_STARS, (image,)), (VERDICT, (envelope.seq, envelope.at, image))]
        case e.ImageTagged(image=image, added=added, removed=removed):
            return [
                *((TAGGED, (image, tag)) for tag in added),
                *((UNTAGGED, (image, tag)) for tag in removed),
                (VERDICT, (envelope.seq, envelope.at, image)),
            ]
        case e.ImagesCompared(better=better, worse=worse):
            return [(COMPARED, (envelope.seq, envelope.at, better, worse))]
        case e.ComparisonTakenBack(better=better, worse=worse):
            return [(TAKEN_BACK, (envelope.seq, better, worse))]
        case e.ImageTrashed(image=image):
            return [(TRASHED, (1, image))]
        case e.ImageRestored(image=image):
            return [(TRASHED, (0, image))]
        case _:
            assert_never(event)


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
VERDICT = (
    "INSERT INTO ratings SELECT ?1, ?2, id, stars, (SELECT json_group_array(tag) FROM tags WHERE image = ?3), suspect"
    " FROM images WHERE id = ?3"
)
COMPARED = "INSERT INTO comparisons(seq, at, better, worse) VALUES (?, ?, ?, ?)"
TAKEN_BACK = (
    "UPDATE comparisons SET taken_back = ?1 WHERE seq ="
    " (SELECT max(seq) FROM comparisons WHERE better = ?2 AND worse = ?3 AND taken_back IS NULL)"
)
TRASHED = "UPDATE images SET trashed = ? WHERE id = ?"
