"""Where a house finds a picture among the results, also where its file is gone."""

import hashlib
from functools import partial
from pathlib import Path

from daemon.artifacts.store import file_in
from daemon.housing import in_results
from schema.ids import ImageId, RunId, StageId, job_id
from schema.pages import ImageRow

RUN = RunId("hsbbcpck")


def test_a_picture_whose_file_is_gone_is_nowhere_and_hides_no_other(tmp_path: Path) -> None:
    content = b"a picture"
    sha = hashlib.sha256(content).hexdigest()
    kept, shown = tmp_path / "art" / sha[:2] / f"{sha}.png", tmp_path / "results" / "r" / "mill-01.png"
    for path in (kept, shown):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    row = ImageRow(
        id=ImageId("i"), job=job_id(RUN, 1), run=RUN, stage=StageId("txt2img"), name="mill-01", final=True, created=0.0,
        media="image/png", bytes=len(content), width=1, height=1, sha256=sha, pixels="", folder="r",
    )  # fmt: skip

    found = partial(in_results, partial(file_in, tmp_path / "art"), tmp_path / "results", row)

    assert found() == shown

    kept.unlink()
    assert found() is None
