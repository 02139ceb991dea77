"""`python -P -m tui`: the terminal UI without the command line, as a browser's tab starts it (`tui/web.py`)."""

import sys

from tui.opening import run

sys.exit(run())
