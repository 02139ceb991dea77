"""The tables of what people said of pictures, and of how these came about then: all of it as of any seq."""

VERDICTS = """
CREATE TABLE makings(                    -- how the pictures of an attempt came about, as it was then
  token INTEGER PRIMARY KEY,
  n INTEGER NOT NULL,                    -- seq of its end
  job TEXT NOT NULL,
  run TEXT NOT NULL,
  stage TEXT NOT NULL,
  pack TEXT,
  counts INTEGER NOT NULL,               -- not in runs from which nothing is to be learned
  backend TEXT NOT NULL,
  tokens TEXT NOT NULL,                  -- JSON list: of the finished stages it rests on, its own the last
  words TEXT NOT NULL,                   -- digest
  params TEXT NOT NULL                   -- digest
) STRICT;
CREATE TABLE wordings(
  digest TEXT PRIMARY KEY,
  prompt TEXT NOT NULL,
  negative TEXT NOT NULL,
  n INTEGER NOT NULL                     -- seq of the first picture made with it
) STRICT, WITHOUT ROWID;
CREATE TABLE params(digest TEXT PRIMARY KEY, json TEXT NOT NULL, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE VIEW stories AS                   -- only written to
  SELECT makings.*, '' AS prompt, '' AS negative, '' AS json FROM makings;
CREATE TRIGGER stories_told INSTEAD OF INSERT ON stories BEGIN
  INSERT OR IGNORE INTO wordings VALUES (NEW.words, NEW.prompt, NEW.negative, NEW.n);
  INSERT OR IGNORE INTO params VALUES (NEW.params, NEW.json, NEW.n);
  INSERT OR REPLACE INTO makings VALUES (NEW.token, NEW.n, NEW.job, NEW.run, NEW.stage, NEW.pack, NEW.counts,
    NEW.backend, NEW.tokens, NEW.words, NEW.params);
END;

CREATE TABLE past_results(               -- of stages that were made again since
  token INTEGER PRIMARY KEY,
  job TEXT NOT NULL,
  result BLOB NOT NULL
) STRICT;
CREATE TRIGGER stages_forgotten BEFORE DELETE ON stages WHEN OLD.result IS NOT NULL BEGIN
  INSERT OR REPLACE INTO past_results VALUES (OLD.token, OLD.job, OLD.result);
END;
CREATE TRIGGER stages_replaced BEFORE UPDATE OF result ON stages
  WHEN OLD.result IS NOT NULL AND NEW.result IS NOT OLD.result
BEGIN
  INSERT OR REPLACE INTO past_results VALUES (OLD.token, OLD.job, OLD.result);
END;
CREATE TABLE past_specs(                 -- of jobs that were planned anew since
  job TEXT NOT NULL,
  n INTEGER NOT NULL,                    -- seq at which it ceased to hold
  spec BLOB NOT NULL,
  PRIMARY KEY(job, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdicts(                   -- every rating ever given, for learning as of any seq
  seq INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  image TEXT NOT NULL,
  stars INTEGER NOT NULL,
  whole INTEGER NOT NULL,                -- given to its run as a whole
  sitting REAL NOT NULL                  -- when the first verdict of its sitting was given
) STRICT;
CREATE TABLE taggings(
  seq INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  image TEXT NOT NULL,
  tags TEXT NOT NULL,                    -- JSON list, as of then
  sitting REAL NOT NULL
) STRICT;
CREATE TABLE trashings(                  -- into the trash, out of it, and deleted for good: as of any seq
  image TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at REAL NOT NULL,
  trashed INTEGER NOT NULL,              -- as in `images`, from then on
  PRIMARY KEY(image, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE sitting(one INTEGER PRIMARY KEY CHECK (one = 1), since REAL NOT NULL, last REAL NOT NULL) STRICT;
CREATE TABLE run_verdicts(seq INTEGER PRIMARY KEY, run TEXT NOT NULL, stars INTEGER NOT NULL) STRICT;

CREATE TABLE comparisons(                -- as of any seq, too
  seq INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  better TEXT NOT NULL,
  worse TEXT NOT NULL,
  tie INTEGER NOT NULL,                  -- neither is better
  sitting REAL NOT NULL,
  taken_back INTEGER                     -- seq of its taking back
) STRICT;

CREATE TABLE imported(                   -- records from elsewhere
  seq INTEGER NOT NULL,
  number INTEGER NOT NULL,               -- within its event
  source TEXT NOT NULL,
  picture TEXT NOT NULL,
  record BLOB NOT NULL,                  -- JSON
  forgotten INTEGER,                     -- seq of its forgetting
  PRIMARY KEY(seq, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE lessons(seq INTEGER PRIMARY KEY, at REAL NOT NULL, event BLOB NOT NULL) STRICT;
"""
