"""Which places are held at a value, whichever way a person wrote their names."""

from collections.abc import Mapping

from daemon.prompting.tokens import plain_slot


class Held:
    """`locks`: key of a place to its value; a slot's in any spelling, a wildcard's and a variable's also bare."""

    def __init__(self, locks: Mapping[str, str]) -> None:
        self._locks = locks
        self._plain = {plain_slot(key): key for key in locks if key[:1] not in "_{$"}
        self.used: set[str] = set()
        """Locks that found their place."""

    def __bool__(self) -> bool:
        return bool(self._locks)

    def at(self, key: str) -> str | None:
        """What the place is held at."""
        found = key if key in self._locks else self._bare(key)
        if found is None:
            return None
        self.used.add(found)
        return self._locks[found]

    def within(self, prefix: str) -> bool:
        """Whether something is held in the values of a place."""
        return any(key.startswith(prefix) for key in self._locks)

    def _bare(self, key: str) -> str | None:
        if key.startswith("__") and key.endswith("__"):
            return self._plain.get(plain_slot(key[2:-2]))
        if key.startswith("${") and key.endswith("}"):
            return self._plain.get(plain_slot(key[2:-1]))
        return None if key[:1] == "{" else self._plain.get(plain_slot(key))


def chosen(lock: str, texts: tuple[str, ...]) -> int | None:
    """Which of the values a lock names, white space aside; None: words of its own."""
    wanted = " ".join(lock.split())
    for number, text in enumerate(texts):
        if text == lock or " ".join(text.split()) == wanted:
            return number
    return None
