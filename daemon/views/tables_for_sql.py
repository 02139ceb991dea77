"""SQL views for other programs, as `docs/sql.md` promises them: their columns stay while the tables behind them change.

A column may be added; one that is renamed or means something else begins `v2_`. Plain SQL of SQLite 3.38 on, without
functions of ours, so that sqlite3 and Datasette can read them.
"""

_TIME = "strftime('%Y-%m-%dT%H:%M:%fZ', {}, 'unixepoch')"
"""As the API writes times."""


def _time(column: str) -> str:
    return _TIME.format(column)


_RUNS = f"""
CREATE VIEW v1_runs AS
SELECT id AS run, name, state, lane, {_time("created")} AS submitted, {_time("ended")} AS ended,
  jobs, finished, failed, cancelled, attention, held,
  jobs - finished - failed - cancelled - attention - held AS waiting,
  packs, profile, model, folder, film_id IS NOT NULL AS filmed
FROM runs;
"""

_JOBS = f"""
CREATE VIEW v1_jobs AS
SELECT jobs.id AS job, jobs.run, jobs.number, jobs.name, jobs.state, jobs.lane, jobs.priority,
  {_time("jobs.created")} AS submitted, {_time("jobs.started")} AS started, {_time("jobs.ended")} AS ended,
  jobs.seconds, jobs.pack, jobs.model, jobs.seed, jobs.node_name AS node, jobs.reason, jobs.stars,
  json_extract(CAST(specs.spec AS TEXT), '$.prompt') AS prompt,
  coalesce(json_extract(CAST(specs.spec AS TEXT), '$.negative'), '') AS negative
FROM jobs LEFT JOIN specs ON specs.job = jobs.id;
"""

_STAGES = f"""
CREATE VIEW v1_stages AS
SELECT job, stage, state, node_name AS node, {_time("started")} AS started, {_time("ended")} AS ended,
  round(ended - started, 3) AS seconds, attempts, reason
FROM stages;
"""

_PICTURES = f"""
CREATE VIEW v1_pictures AS
SELECT images.id AS picture, images.run, images.job, images.stage, images.number, images.final,
  {_time("images.created")} AS made, images.pack, images.model, images.seed, wordings.prompt, wordings.negative,
  images.stars,
  (SELECT group_concat(tag, ', ') FROM (SELECT tag FROM tags WHERE image = images.id ORDER BY tag)) AS tags,
  images.width, images.height, images.bytes, images.media, images.sha256, images.pixels,
  substr(images.sha256, 1, 2) || '/' || images.sha256 || CASE images.media WHEN 'image/png' THEN '.png'
    WHEN 'image/jpeg' THEN '.jpg' WHEN 'image/webp' THEN '.webp' ELSE '' END AS file,
  images.suspect, images.trashed
FROM images
LEFT JOIN makings ON makings.token = images.token
LEFT JOIN wordings ON wordings.digest = makings.words
WHERE images.trashed < 2;

CREATE VIEW v1_settings AS
SELECT images.id AS picture, each.key AS setting, each.value
FROM images
JOIN makings ON makings.token = images.token
JOIN params ON params.digest = makings.params
JOIN json_each(params.json) AS each
WHERE images.trashed < 2;

CREATE VIEW v1_tags AS
SELECT tags.image AS picture, tags.tag FROM tags JOIN images ON images.id = tags.image WHERE images.trashed < 2;
"""

_VERDICTS = f"""
CREATE VIEW v1_ratings AS
SELECT seq, {_time("at")} AS at, image AS picture, stars, whole AS of_its_run FROM verdicts;

CREATE VIEW v1_comparisons AS
SELECT seq, {_time("at")} AS at, better, worse, tie FROM comparisons WHERE taken_back IS NULL;
"""

_NODES = """
CREATE VIEW v1_nodes AS SELECT id AS node, name FROM nodes;

CREATE VIEW v1_head AS SELECT seq FROM meta;
"""

FOR_SQL = _RUNS + _JOBS + _STAGES + _PICTURES + _VERDICTS + _NODES
