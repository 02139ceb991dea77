"""A JSON object from the daemon, read by name and type. Absent fields are the default; unknown ones stay.

The command line reads its answers so, because importing msgspec would cost as much as all the rest of a verb.
"""

from collections.abc import Iterator


class Doc:
    def __init__(self, fields: dict[str, object]) -> None:
        self.fields = fields
        """As decoded, for whoever prints it whole."""

    def __contains__(self, name: str) -> bool:
        return self.fields.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        value = self.fields.get(name)
        return default if value is None else str(value)

    def whole(self, name: str, default: int = 0) -> int:
        value = self.fields.get(name)
        return int(value) if isinstance(value, int | float) else default

    def real(self, name: str) -> float | None:
        value = self.fields.get(name)
        return float(value) if isinstance(value, int | float) else None

    def flag(self, name: str) -> bool:
        return self.fields.get(name) is True

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(str(value) for value in self._list(name))

    def doc(self, name: str) -> "Doc":
        value = self.fields.get(name)
        return Doc(value if isinstance(value, dict) else {})

    def docs(self, name: str) -> tuple["Doc", ...]:
        return tuple(Doc(value) for value in self._list(name) if isinstance(value, dict))

    def _list(self, name: str) -> Iterator[object]:
        value = self.fields.get(name)
        return iter(value if isinstance(value, list) else ())
