"""What a person may have meant by a name that there is not, also among a great many names."""

from collections.abc import Iterable

from daemon.prompting.texts import nearest

MAX_COMPARED = 2000


def meant(name: str, names: Iterable[str]) -> str:
    """`Did you mean 'sky'?`, or empty. Among very many names those are compared that begin alike."""
    among = list(names)
    if len(among) > MAX_COMPARED:
        last = name.rpartition("/")[2][:1].lower()
        among = [one for one in among if one.rpartition("/")[2][:1].lower() == last and abs(len(one) - len(name)) < 4]
    told = nearest(name, among[:MAX_COMPARED])
    return told if told.startswith("Did") or len(among) <= 12 else ""
