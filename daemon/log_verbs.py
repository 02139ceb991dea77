"""`log ...` with what the settings say about backups: the log itself knows nothing of settings files."""

import os

from daemon.library.settings import load_settings
from daemon.log import verbs
from daemon.log.backups import Keeping, keeping_of
from schema.places import Places


def main(argv: list[str]) -> int:
    return verbs.main(argv, _keeping)


def _keeping(places: Places) -> Keeping:
    """Raises Refused where the settings cannot be read."""
    settings = load_settings(places.settings, os.environ)
    return keeping_of(places, settings.backup, settings.daemon.free_floor_mb << 20)
