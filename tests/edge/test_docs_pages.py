"""Pages that are made from the code say what the code says."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("docs_make", ROOT / "docs/make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


@pytest.mark.parametrize("page", make.PAGES)
def test_the_page_is_current(page):
    assert (ROOT / page).read_text() == make.PAGES[page](), f"{page} is out of date: run `python docs/make.py`"
