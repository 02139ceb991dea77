"""A file that was dropped on the terminal, or whose path was pasted: terminals write its path. Pure but for `named`."""

import re
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".mp4", ".webm")
WORDS = (".json", ".txt", ".yaml", ".yml")

LONGEST = 4096
"""Characters of a path; what is longer is text."""

DRIVE = re.compile(r"[A-Za-z]:\\")


def path_in(text: str) -> str:
    """The first path of what was pasted; empty when it is no path: quoted, with `\\ `, or as a `file:` address."""
    line = text.strip().replace("\r", "\n").split("\n")[0].strip()
    if not line or len(line) > LONGEST or "\0" in line:
        return ""
    if line.lower().startswith("file:/"):
        return unquote(urlsplit(line.split()[0]).path)
    if DRIVE.match(line) or not (line[0] in "'\"/~." or line.lower().endswith((*PICTURES, *WORDS))):
        return ""
    if line[0] in "'\"" or "\\" in line:
        try:
            return shlex.split(line)[0]
        except (ValueError, IndexError):
            return ""
    return line


def named(text: str) -> Path | None:
    """The file that was meant, if there is one that can say how a picture was made. Looks at the disk."""
    whole = path_in(text)
    for name in dict.fromkeys((whole, whole.split(" ")[0])):  # several files come as several paths: the first
        if not name.lower().endswith((*PICTURES, *WORDS)):
            continue
        try:
            path = Path(name).expanduser()
            if path.is_file():
                return path
        except (OSError, ValueError, RuntimeError):
            continue
    return None
