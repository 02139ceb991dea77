"""`python -P -m tui.cli`: the same as the console script `stablenew`."""

import sys

from tui.cli import main

sys.exit(main())
