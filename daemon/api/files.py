"""Where the files of a run lie. Looks at the disk: called off the loop."""

from pathlib import Path

from daemon.api.house import House
from schema.pages import RunRecord


def files_of(house: House, record: RunRecord) -> tuple[str | None, str | None]:
    """Absolute paths of the manifest and of the film; None for what is not there."""
    folder = Path(record.row.folder)
    manifest = folder / "manifest.json"
    video: Path | None = None
    if record.film is not None:
        films = sorted(folder.glob(f"*.{record.film.file.media.partition('/')[2]}"))
        video = films[0] if films else house.blob(record.film.file.sha256)
    return str(manifest) if manifest.is_file() else None, str(video) if video is not None else None


def sheet_of(record: RunRecord) -> str | None:
    """Absolute path of a grid's page of pictures; None where there is none, or not yet."""
    sheet = Path(record.row.folder) / "sheet.png"
    return str(sheet) if record.spec.randomizer.axes and sheet.is_file() else None
