"""`video`: a film of pictures, made by a child; no daemon is needed."""

from tui.cli.child import passing
from tui.cli.tree import JSON, argument, option

VIDEO = passing(
    ("video",),
    "Make a film of a folder's pictures, or of the files named, in order.",
    argument("FOLDER|FILE", "Pictures, or a folder of them.", dest="files", often="+"),
    option("-o --out", "FILE", "The film, .mp4 or .webm.", required=True),
    option("--fps", "N", "Pictures per second.", kind=float),
    option("--codec", "C", "The film's codec.", choices=("h264", "vp9", "av1")),
    option("--size", "WxH", "Default: as the pictures are."),
    option("--bitrate", "B", "As ffmpeg writes it: `4M`."),
    option("--trim", "A-B", "From second A to second B."),
    JSON,
)
