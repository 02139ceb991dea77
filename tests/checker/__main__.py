"""`python tests/checker STATE_FOLDER [ARTIFACTS]`: exit code 1 and a line for each finding, 0 when there is none."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checker.whole import check_log


def main(words: list[str]) -> int:
    if not words:
        print(__doc__, file=sys.stderr)
        return 2
    state = Path(words[0])
    found = check_log(state / "events.db", state / "events.head", Path(words[1]) if len(words) > 1 else None)
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
