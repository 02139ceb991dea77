"""`video`: a film of pictures, made by a child; no daemon is needed."""

from tui.cli.child import passing
from tui.cli.tree import JSON, argument, flag, option

VIDEO = passing(
    ("video",),
    "Make a film of a folder's pictures, or of the files named, in order.",
    argument("FOLDER|FILE", "Pictures, or a folder of them.", dest="files", often="+"),
    option("-o", "FILE", "The film; .mp4 or .webm.", dest="out", required=True),
    flag("--replace", "Take the place of what is there."),
    option("--fps", "N", "Pictures per second; default 8.", kind=float),
    option("--codec", "C", "The film's codec.", choices=("h264", "vp9", "av1")),
    option("--size", "WxH", "Default: the first picture's."),
    option("--bitrate", "B", "As ffmpeg writes it: `4M`."),
    option("--trim", "A-B", "Seconds of the whole film; B may be left out."),
    option("--seconds", "S", "Cut to this length.", kind=float),
    flag("--progress", "A line per step on stderr, terminal or not."),
    JSON,
)
