"""The tables of `views.db`: what the fold writes and the queries read.

Every row can be made again from the log, so there are no migrations: an old file is thrown away.
"""

import sqlite3
import tempfile
import zlib
from pathlib import Path

from daemon.views.fold import knobs, looks
from daemon.views.tables_for_sql import FOR_SQL
from daemon.views.tables_of_verdicts import VERDICTS

FOLD = 8
"""Raised when the fold writes other rows into the same tables."""

ENDED = ("finished", "failed", "cancelled")
"""Job states that nothing leaves by itself. A parked job (`attention`) is unfinished: it waits for a person."""

OPEN = ("queued", "held", "running", "attention")

_WORK = """
CREATE TABLE meta(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  format INTEGER NOT NULL,
  seq INTEGER NOT NULL,                  -- of the newest event that is folded in
  digest BLOB NOT NULL                   -- of that event: whether these views belong to this log
) STRICT;

CREATE TABLE runs(
  n INTEGER PRIMARY KEY,                 -- seq of its submission
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  words TEXT NOT NULL,                   -- name and packs, case folded: what words of a FILTER look into
  lane TEXT NOT NULL,
  created REAL NOT NULL,
  ended REAL,
  ended_seq INTEGER,
  jobs INTEGER NOT NULL,
  held INTEGER NOT NULL DEFAULT 0,       -- counts of jobs, kept by the triggers below
  finished INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0,
  attention INTEGER NOT NULL DEFAULT 0,
  paused INTEGER NOT NULL DEFAULT 0,
  packs TEXT NOT NULL,                   -- JSON list
  profile TEXT,
  model TEXT,                            -- of its first stage that names one
  stages TEXT NOT NULL,                  -- JSON list of stage ids
  last TEXT NOT NULL,                    -- id of the last of them that makes pictures
  folder TEXT NOT NULL,
  spec BLOB NOT NULL,
  film_id TEXT,
  film BLOB,
  film_reason TEXT NOT NULL DEFAULT '',
  touched INTEGER NOT NULL DEFAULT 0,    -- seq of the event that last changed this row or one of its jobs
  state TEXT GENERATED ALWAYS AS (
    CASE WHEN ended IS NOT NULL THEN 'finished' WHEN paused THEN 'paused'
         WHEN held > 0 AND held + finished + failed + cancelled + attention >= jobs THEN 'held'
         ELSE 'active' END) VIRTUAL
) STRICT;

CREATE TABLE jobs(
  n INTEGER PRIMARY KEY,                 -- seq of its submission
  id TEXT NOT NULL UNIQUE,
  run TEXT NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  held INTEGER NOT NULL DEFAULT 0,       -- a held job whose stage still runs is 'running' and held
  created REAL NOT NULL,
  started REAL,
  ended REAL,
  ended_seq INTEGER,
  lane TEXT NOT NULL,
  priority INTEGER NOT NULL,
  rank REAL NOT NULL,
  pack TEXT,
  model TEXT,
  seed INTEGER NOT NULL,
  stages TEXT NOT NULL,                  -- JSON list of stage ids
  last TEXT NOT NULL,                    -- id of the last of them that makes pictures
  done INTEGER NOT NULL DEFAULT 0,       -- whether one of them is: such jobs go first among equals
  node TEXT,                             -- where it runs, or where its last stage ran
  node_name TEXT,                        -- as that was called then
  attempts INTEGER NOT NULL DEFAULT 0,   -- of the stage it is at
  reason TEXT NOT NULL DEFAULT '',
  seconds REAL,
  stars INTEGER NOT NULL DEFAULT 0,      -- most of its pictures
  touched INTEGER NOT NULL DEFAULT 0,    -- seq of the event that last changed the job or what hangs on it; no verdict
  -- The order of the queue, then of history: live jobs by lane, priority, begun or not, and rank; ended ones
  -- newest first.
  place_1 INTEGER GENERATED ALWAYS AS (
    CASE WHEN ended_seq IS NOT NULL THEN 2 ELSE lane = 'batch' END) VIRTUAL,
  place_2 INTEGER GENERATED ALWAYS AS (
    CASE WHEN ended_seq IS NOT NULL THEN 0 ELSE 2 * -priority + (state <> 'running' AND NOT done) END) VIRTUAL,
  place_3 REAL GENERATED ALWAYS AS (CASE WHEN ended_seq IS NOT NULL THEN -ended_seq ELSE rank END) VIRTUAL
) STRICT;

CREATE TABLE texts(                      -- apart, so that the rows of lists stay narrow
  n INTEGER PRIMARY KEY,                 -- of the job
  words TEXT NOT NULL                    -- its name and prompt, case folded: what words of a FILTER look into
) STRICT;

CREATE TABLE specs(job TEXT PRIMARY KEY, spec BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TRIGGER jobs_counted AFTER INSERT ON jobs WHEN NEW.state = 'held' BEGIN
  UPDATE runs SET held = held + 1 WHERE id = NEW.run;
END;
CREATE TRIGGER jobs_recounted AFTER UPDATE OF state ON jobs
  WHEN OLD.state <> NEW.state AND (OLD.state NOT IN ('queued', 'running') OR NEW.state NOT IN ('queued', 'running'))
BEGIN
  UPDATE runs SET
    held = held + (NEW.state = 'held') - (OLD.state = 'held'),
    finished = finished + (NEW.state = 'finished') - (OLD.state = 'finished'),
    failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed'),
    cancelled = cancelled + (NEW.state = 'cancelled') - (OLD.state = 'cancelled'),
    attention = attention + (NEW.state = 'attention') - (OLD.state = 'attention')
  WHERE id = NEW.run;
END;

CREATE TABLE stages(                     -- of those that were begun or skipped; the others only wait
  job TEXT NOT NULL,
  stage TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  token INTEGER,
  node TEXT,
  node_name TEXT,                        -- as it was called then
  why TEXT NOT NULL DEFAULT '',
  started REAL,
  ended REAL,
  reason TEXT NOT NULL DEFAULT '',
  result BLOB,                           -- the StageFinished event, JSON
  PRIMARY KEY(job, stage)
) STRICT, WITHOUT ROWID;

CREATE TABLE images(
  n INTEGER PRIMARY KEY,                 -- seq of its storing
  id TEXT NOT NULL UNIQUE,
  job TEXT NOT NULL,
  run TEXT NOT NULL,
  stage TEXT NOT NULL,
  token INTEGER NOT NULL,
  number INTEGER NOT NULL,               -- among the pictures of its attempt, from 0
  final INTEGER NOT NULL,
  created REAL NOT NULL,
  media TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  pixels TEXT NOT NULL,
  seed INTEGER,
  stars INTEGER NOT NULL DEFAULT 0,
  trashed INTEGER NOT NULL DEFAULT 0,    -- 1: in the trash; 2: deleted for good, kept for what was learned of it
  suspect TEXT,
  pack TEXT,
  model TEXT,
  node TEXT
) STRICT;
CREATE INDEX images_job ON images(job, token);   -- the fold itself looks pictures up by it

CREATE TABLE tags(image TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(image, tag)) STRICT, WITHOUT ROWID;

CREATE TABLE posts(                      -- pictures in galleries, and what both last agreed on
  image TEXT NOT NULL,
  gallery TEXT NOT NULL,
  entry TEXT NOT NULL,
  favourite INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(image, gallery)
) STRICT, WITHOUT ROWID;
"""

_SEEN = """
CREATE TABLE models(                     -- what a person said of a model, by its key
  key TEXT PRIMARY KEY,
  name TEXT NOT NULL,                    -- as it was called when that was said last
  stars INTEGER NOT NULL DEFAULT 0,
  favourite INTEGER                      -- NULL: nobody has said
) STRICT, WITHOUT ROWID;
CREATE TABLE used(                       -- LoRAs and the like that stand in a job's prompt
  job TEXT NOT NULL,
  list TEXT NOT NULL,
  name TEXT NOT NULL,                    -- plain, without folders
  PRIMARY KEY(job, list, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE model_tags(model TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(model, tag)) STRICT, WITHOUT ROWID;

CREATE TABLE looks(                      -- what a stage saw in a picture, and how that fits its prompt
  image TEXT NOT NULL,
  stage TEXT NOT NULL,                   -- that looked
  n INTEGER NOT NULL,                    -- seq of the look
  job TEXT NOT NULL,
  pack TEXT,
  at REAL NOT NULL,
  looker TEXT NOT NULL,                  -- its model
  counts INTEGER NOT NULL,               -- not of suspect pictures, nor of runs from which nothing is to be learned
  caption TEXT NOT NULL,
  score REAL,
  fulfilment REAL,
  style REAL,
  told TEXT NOT NULL,                    -- JSON of `daemon.views.fold.looks.Told`
  PRIMARY KEY(image, stage)
) STRICT, WITHOUT ROWID;

CREATE TABLE scores(                     -- what looks gave, also those that were written over since
  image TEXT NOT NULL,
  n INTEGER NOT NULL,
  score REAL NOT NULL,
  PRIMARY KEY(image, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE parts(                      -- components of prompts, in each look that says something of them
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  image TEXT NOT NULL,
  stage TEXT NOT NULL,
  by TEXT NOT NULL,
  hit REAL NOT NULL,
  n INTEGER NOT NULL,                    -- these four as in the look: effects are added up from this table alone
  at REAL NOT NULL,
  fulfilment REAL,
  style REAL,
  PRIMARY KEY(kind, name, value, image, stage)
) STRICT, WITHOUT ROWID;

CREATE TABLE nodes(id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

TABLES = _WORK + VERDICTS + _SEEN + FOR_SQL

INDICES = """
CREATE INDEX IF NOT EXISTS runs_profile ON runs(profile) WHERE profile IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_name ON runs(name);
CREATE INDEX IF NOT EXISTS runs_film ON runs(film_id) WHERE film_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_place ON jobs(place_1, place_2, place_3);
CREATE INDEX IF NOT EXISTS jobs_state ON jobs(state, place_1, place_2, place_3);
CREATE INDEX IF NOT EXISTS jobs_pack ON jobs(pack, place_1, place_2, place_3);
CREATE INDEX IF NOT EXISTS jobs_run ON jobs(run, number);
CREATE INDEX IF NOT EXISTS jobs_name ON jobs(name);
CREATE INDEX IF NOT EXISTS jobs_node ON jobs(node) WHERE node IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_model ON jobs(model) WHERE model IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_stars ON jobs(stars, place_1, place_2, place_3) WHERE stars > 0;
CREATE INDEX IF NOT EXISTS jobs_touched ON jobs(touched);
CREATE INDEX IF NOT EXISTS runs_touched ON runs(touched);
CREATE INDEX IF NOT EXISTS images_run ON images(run);
CREATE INDEX IF NOT EXISTS images_shown ON images(trashed, final);
CREATE INDEX IF NOT EXISTS images_stars ON images(trashed, stars, final) WHERE stars > 0;
CREATE INDEX IF NOT EXISTS images_sha256 ON images(sha256);
CREATE INDEX IF NOT EXISTS tags_tag ON tags(tag, image);
CREATE INDEX IF NOT EXISTS looks_n ON looks(n);
CREATE INDEX IF NOT EXISTS looks_pack ON looks(pack, n) WHERE pack IS NOT NULL;
CREATE INDEX IF NOT EXISTS verdicts_image ON verdicts(image, seq);
CREATE INDEX IF NOT EXISTS taggings_image ON taggings(image, seq);
CREATE INDEX IF NOT EXISTS trashings_seq ON trashings(seq);
CREATE INDEX IF NOT EXISTS comparisons_taken_back ON comparisons(taken_back) WHERE taken_back IS NOT NULL;
CREATE INDEX IF NOT EXISTS imported_forgotten ON imported(forgotten) WHERE forgotten IS NOT NULL;
CREATE INDEX IF NOT EXISTS imported_source ON imported(source);
CREATE INDEX IF NOT EXISTS past_results_job ON past_results(job);
CREATE INDEX IF NOT EXISTS makings_run ON makings(run);
"""
"""What only readers need. Made once a long past is folded in: keeping them up to date meanwhile costs as much again."""

FORMAT = zlib.crc32(f"{FOLD}{TABLES}{INDICES}".encode())
"""A file of another format is thrown away."""


def create(path: Path) -> sqlite3.Connection:
    """Throws away what lies at `path` and makes empty tables there, without indices. Nobody else writes them."""
    for leftover in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        if leftover.is_dir():  # whoever put it there may want it
            leftover.rename(tempfile.mkdtemp(prefix=f"{leftover.name}.was-", dir=path.parent))
        leftover.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    db = connect(path)
    db.executescript(f"BEGIN;{TABLES} INSERT INTO meta VALUES (1, {FORMAT}, 0, x''); COMMIT;")
    return db


def connect(path: Path) -> sqlite3.Connection:
    """For the writer. NORMAL: what a power cut takes from the views, the log gives back."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF; PRAGMA recursive_triggers=OFF;"
        "PRAGMA journal_size_limit=16777216; PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY;"
    )
    looks.register(db)
    knobs.register(db)
    return db
