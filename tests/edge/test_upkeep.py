"""What the daemon looks after by itself: nothing that anybody may still want is put aside."""

import os

import pytest

from daemon import upkeep
from daemon.artifacts.store import ArtifactStore
from daemon.log.store import open_log
from schema.events import Envelope, RunSubmitted
from schema.ids import RunId, Seq
from schema.places import places
from schema.plans import RunSpec

DAY = 86_400.0


async def test_what_the_log_names_stays_and_what_nothing_names_is_put_aside(tmp_path):
    where = places({"STABLENEW_HOME": str(tmp_path)})
    where.state.mkdir(parents=True)
    store = ArtifactStore(where.artifacts, clock=lambda: 100 * DAY)
    upload = await store.put_blob(b"a picture to begin from")
    base = await store.put_blob(b'{"stages":[{"type":"img2img","image":"' + upload.encode() + b'"}]}')
    stray = await store.put_blob(b'{"stages":[]}')
    for sha256 in (upload, base, stray):
        os.utime(store.path(sha256), (90 * DAY, 90 * DAY))
    log = open_log(where.log, where.head)
    submitted = RunSubmitted(
        run=RunId("r2345678"), spec=RunSpec(name="boats", base=base, plan_hash="h", seed=1, jobs=1)
    )
    await log.append([Envelope(seq=Seq(1), at=1.0, epoch=Seq(1), actor="uid:1", event=submitted)])
    await log.close()

    await upkeep.sweep(where, store)

    assert store.has(base) and store.has(upload)
    assert not store.has(stray) and (where.artifacts / ".orphans" / f"{stray}.json").exists()
    await store.close()


@pytest.mark.damages
async def test_a_log_that_cannot_be_read_loses_nothing(tmp_path, caplog):
    where = places({"STABLENEW_HOME": str(tmp_path)})
    where.state.mkdir(parents=True)
    where.log.write_bytes(b"this is no log" * 100)
    store = ArtifactStore(where.artifacts, clock=lambda: 100 * DAY)
    kept = await store.put_blob(b"kept")
    os.utime(store.path(kept), (90 * DAY, 90 * DAY))

    await upkeep.sweep(where, store)

    assert store.has(kept) and "was not swept" in caplog.text
    await store.close()
