"""What tests of the library's folders have in common: files in a home of their own."""

from pathlib import Path

from schema.places import Places


def put(home: Places, name: str, content: str | bytes) -> Path:
    """Below the folder of what people write; its path."""
    path = home.config / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
