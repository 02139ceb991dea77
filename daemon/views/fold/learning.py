"""Verdicts in the views, and what the pictures they are on were made with; records from elsewhere.

Rows are written once. What takes something back puts its own seq beside it, so that every table is of any seq.
"""

from typing import assert_never

from daemon.learning.rows import GAP
from daemon.views.fold.statement import Statement, json
from schema import events as e

LearningEvent = (
    e.ImageRated | e.ImageTagged | e.ImagesCompared | e.ComparisonTakenBack | e.RunRated
    | e.RecordsImported | e.RecordsForgotten
)  # fmt: skip


def fold(envelope: e.Envelope, event: LearningEvent) -> list[Statement]:
    seq, at = envelope.seq, envelope.at
    match event:
        case e.ImageRated(image=image, stars=stars, whole=whole):
            return [(SAT, (at,)), (RATED, (seq, at, image, stars, int(whole)))]
        case e.ImageTagged(image=image):
            return [(TAGGED, (seq, at, image))]
        case e.ImagesCompared(better=better, worse=worse, tie=tie):
            return [(SAT, (at,)), (COMPARED, (seq, at, better, worse, int(tie)))]
        case e.ComparisonTakenBack(better=better, worse=worse):
            return [(TAKEN_BACK, (seq, better, worse))]
        case e.RunRated(run=run, stars=stars):
            return [(RUN_RATED, (seq, run, stars))]
        case e.RecordsImported(source=source, records=records):
            return [(IMPORTED, (seq, number, source, one.id, json(one))) for number, one in enumerate(records)]
        case e.RecordsForgotten(source=source):
            return [(FORGOTTEN, (seq, source))]
        case _:
            assert_never(event)


def made(envelope: e.Envelope, event: e.StageFinished) -> list[Statement]:
    """Stands behind what the other tables make of the event."""
    return [(MADE, (event.token, envelope.seq, event.job, event.stage))] if event.images else []


def scored(envelope: e.Envelope, event: e.StageFinished) -> list[Statement]:
    """Behind the looks: what they gave each picture, which a later look writes over there."""
    return [] if event.images else [(SCORED, (envelope.seq, event.job, event.stage))]


SAT = (
    "INSERT INTO sitting VALUES (1, ?1, ?1) ON CONFLICT(one) DO UPDATE SET"
    f" since = iif(abs(?1 - last) > {GAP}, ?1, since), last = ?1"
)
RATED = "INSERT INTO verdicts SELECT ?1, ?2, ?3, ?4, ?5, since FROM sitting"
TAGGED = (  # the tags of now; tagging alone does not make a sitting go on
    "INSERT INTO taggings SELECT ?1, ?2, ?3, (SELECT json_group_array(tag) FROM tags WHERE image = ?3),"
    f" coalesce((SELECT since FROM sitting WHERE abs(?2 - last) <= {GAP}), ?2)"
)
COMPARED = "INSERT INTO comparisons(seq, at, better, worse, tie, sitting) SELECT ?1, ?2, ?3, ?4, ?5, since FROM sitting"
TAKEN_BACK = (
    "UPDATE comparisons SET taken_back = ?1 WHERE seq ="
    " (SELECT max(seq) FROM comparisons WHERE better = ?2 AND worse = ?3 AND taken_back IS NULL)"
)
RUN_RATED = "INSERT INTO run_verdicts VALUES (?, ?, ?)"
IMPORTED = "INSERT INTO imported(seq, number, source, picture, record) VALUES (?, ?, ?, ?, ?)"
FORGOTTEN = "UPDATE imported SET forgotten = ?1 WHERE source = ?2 AND forgotten IS NULL"
MADE = (  # a trigger takes it apart; materialized, or SQLite would make it anew for each of its fields
    "WITH job AS MATERIALIZED (SELECT jobs.id, jobs.run, jobs.pack,"
    " coalesce(json_extract(CAST(runs.spec AS TEXT), '$.learning'), '') <> 'off' AS counts,"
    " making_of(specs.spec, runs.spec, jobs.stages, ?4, (SELECT json_group_array(json(CAST(result AS TEXT)))"
    " FROM stages WHERE job = ?3 AND state = 'done' AND result IS NOT NULL)) AS story"
    " FROM jobs JOIN specs ON specs.job = jobs.id JOIN runs ON runs.id = jobs.run WHERE jobs.id = ?3)"
    "INSERT INTO stories SELECT ?1, ?2, id, run, ?4, pack, counts, story ->> 'backend', story ->> 'tokens',"
    " story ->> 'words', story ->> 'digest', story ->> 'prompt', story ->> 'negative', story ->> 'params' FROM job"
)
SCORED = (
    "INSERT OR IGNORE INTO scores SELECT image, n, score FROM looks"
    " WHERE job = ?2 AND stage = ?3 AND n = ?1 AND score IS NOT NULL"
)
