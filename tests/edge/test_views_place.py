"""What lies in the place of the views' file."""

import pytest

from daemon.views.tables import create


@pytest.mark.long
def test_a_folder_in_the_views_place_stays_beside(tmp_path):
    path = tmp_path / "views.db"
    (path / "mine").mkdir(parents=True)
    create(path).close()
    assert path.is_file() and len(list(tmp_path.glob("views.db.was-*/mine"))) == 1
