"""The session that a job belongs to: the jobs before it of its profile; without one, of its pack or its run's name."""

from daemon.views.readers import Reading
from daemon.views.records import job_records
from schema.ids import JobId
from schema.pages import JobRecord


async def earlier(db: Reading, job: JobId, most: int) -> tuple[JobRecord, ...]:
    """Those that were submitted before it and of which some stage is done, newest first."""
    own = await db.one(
        "SELECT jobs.n, jobs.pack, runs.name, runs.profile FROM jobs JOIN runs ON runs.id = jobs.run WHERE jobs.id = ?",
        (job,),
    )
    if own is None or most < 1:
        return ()
    if own["profile"] is not None:
        same, value = "runs.profile = ?", own["profile"]
    elif own["pack"] is not None:
        same, value = "jobs.pack = ? AND runs.profile IS NULL", own["pack"]
    else:
        same, value = "runs.name = ? AND runs.profile IS NULL AND jobs.pack IS NULL", own["name"]
    rows = await db.all(
        f"SELECT jobs.id FROM jobs JOIN runs ON runs.id = jobs.run WHERE {same} AND jobs.n < ? AND jobs.done"
        " ORDER BY jobs.n DESC LIMIT ?",
        (value, own["n"], most),
    )
    return await job_records(db, [JobId(row["id"]) for row in rows])
