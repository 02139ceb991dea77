"""Favourites on two sides: what changed where since both last agreed. Pure.

A favourite is a yes or a no, so where both sides changed it they changed it alike: there is never a quarrel.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schema.foreign import Post

FAVOURITE = "favourite"
"""The tag."""


class Changes(NamedTuple):
    send: tuple[Post, ...]
    take: tuple[Post, ...]
    alike: tuple[Post, ...]
    """Both sides changed it, to the same."""
    gone: tuple[Post, ...]


def is_favourite(post: Post, by_stars: int) -> bool:
    """`by_stars` 0: the tag says it; else so many stars or more."""
    return post.stars >= by_stars if by_stars else FAVOURITE in post.tags


def changes(posts: Iterable[Post], there: Mapping[str, bool], by_stars: int) -> Changes:
    send, take, alike, gone = list[Post](), list[Post](), list[Post](), list[Post]()
    for post in posts:
        if post.entry not in there:
            gone.append(post)
            continue
        here, away = is_favourite(post, by_stars), there[post.entry]
        if here != away:
            (send if away == post.agreed else take).append(post)
        elif here != post.agreed:
            alike.append(post)
    return Changes(tuple(send), tuple(take), tuple(alike), tuple(gone))
