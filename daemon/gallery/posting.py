"""Posts pictures and keeps favourites in step; every picture that went, and every agreement, is an event.

One conversation at a time. Nothing is sent that was sent before: the log knows, and the gallery's own key does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from daemon.gallery.agreeing import Changes, changes, is_favourite
from daemon.gallery.client import Declined, Gallery, Wait
from schema.commands import Command, Favour, NoteFavourites, NotePosts
from schema.errors import Refused
from schema.foreign import Post, Posted, Synced
from schema.ids import ImageId, Sha256
from schema.pages import ImageRow, JobRecord
from schema.plans import Plain, Scalar
from schema.settings import GallerySettings

Note = Callable[[Command], Awaitable[None]]


class Wanted(NamedTuple):
    image: ImageRow
    job: JobRecord


class PostedPictures(Protocol):
    """Of the views."""

    async def posts(self, gallery: str) -> tuple[Post, ...]: ...


class Metadata(Plain, frozen=True, kw_only=True):
    """What goes with a picture, as JSON."""

    image: str
    sha256: str
    pixels: str
    name: str
    width: int
    height: int
    created: float
    prompt: str
    negative: str
    seed: int
    model: str | None
    stars: int
    tags: tuple[str, ...]
    favourite: bool
    settings: dict[str, dict[str, Scalar]]
    """Stage id to the settings that were really used."""


class Galleries:
    def __init__(
        self,
        settings: Callable[[], GallerySettings],
        posted: PostedPictures,
        path_of: Callable[[Sha256], Path],
        *,
        wait: Wait = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._posted = posted
        self._path_of = path_of
        self._wait = wait
        self._speaking = asyncio.Lock()

    async def post(self, pictures: Sequence[tuple[ImageRow, JobRecord]], note: Note) -> Posted:
        """Raises Refused where no gallery is named, or it cannot be reached: what went before that is noted."""
        settings = self._settings()
        async with self._speaking, self._gallery(settings) as gallery:
            have = {post.image for post in await self._posted.posts(gallery.url)}
            posted, failed = list[ImageId](), dict[str, str]()
            for wanted in (Wanted(*one) for one in pictures):
                image = wanted.image.id
                if image in have:
                    continue
                try:
                    entry = await self._send(gallery, wanted, settings)
                except Declined as declined:
                    failed[image] = declined.told()
                    continue
                await note(NotePosts(gallery=gallery.url, entries={image: entry}))
                posted.append(image)
        known = tuple(row.id for row, _ in pictures if row.id in have)
        return Posted(posted=tuple(posted), known=known, failed=failed)

    async def sync(self, note: Note) -> Synced:
        """Favourites of all that was posted, both ways. Raises Refused."""
        settings = self._settings()
        async with self._speaking, self._gallery(settings) as gallery:
            posts = await self._posted.posts(gallery.url)
            there = await gallery.favourites({post.entry for post in posts})
            found = changes(posts, there, settings.favourite_stars)
            failed: dict[str, str] = {}
            sent = list[Post]()
            for post in found.send:
                try:
                    await gallery.favour(post.entry, not post.agreed)
                    sent.append(post)
                except Declined as declined:
                    failed[post.image] = declined.told()
            favours = tuple(_favours(found._replace(send=tuple(sent))))
            if favours:
                await note(NoteFavourites(gallery=gallery.url, by_stars=settings.favourite_stars, favours=favours))
        return Synced(
            sent=tuple(post.image for post in sent),
            taken=tuple(post.image for post in found.take),
            gone=tuple(post.image for post in found.gone),
            failed=failed,
        )

    def _gallery(self, settings: GallerySettings) -> Gallery:
        if settings.url is None:
            raise Refused(
                "no gallery is named in the settings.", where="gallery.url",
                remedy="Write `url = \"https://...\"` below [gallery] in the file that `stablenew config path` tells.",
            )  # fmt: skip
        return Gallery(settings.url, settings.token, wait=self._wait)

    async def _send(self, gallery: Gallery, wanted: Wanted, settings: GallerySettings) -> str:
        row = wanted.image
        path = self._path_of(Sha256(row.sha256))
        try:
            raw = await asyncio.to_thread(path.read_bytes)
        except OSError as fault:
            raise Declined(f"its file cannot be read: {fault.strerror}.", where=str(path)) from fault
        name = f"{row.name}{path.suffix}"
        return await gallery.post(f"stablenew-{row.id}", raw, name, row.media, _metadata(wanted, settings))


def _metadata(wanted: Wanted, settings: GallerySettings) -> bytes:
    row, job = wanted
    post = Post(image=row.id, entry="", agreed=False, tags=row.tags, stars=row.stars)
    told = Metadata(
        image=row.id, sha256=row.sha256, pixels=row.pixels, name=row.name, width=row.width, height=row.height,
        created=row.created, prompt=job.spec.prompt, negative=job.spec.negative, seed=row.seed, model=row.model,
        stars=row.stars, tags=row.tags, favourite=is_favourite(post, settings.favourite_stars),
        settings={stage.id: stage.effective for stage in job.stages if stage.effective},
    )  # fmt: skip
    return msgspec.json.encode(told)


def _favours(found: Changes) -> list[Favour]:
    def favour(post: Post, *, taken: bool) -> Favour:
        return Favour(
            image=post.image, favourite=not post.agreed, taken=taken, tags=post.tags, stars=post.stars
        )  # fmt: skip

    return [
        *(favour(post, taken=False) for post in (*found.send, *found.alike)),
        *(favour(post, taken=True) for post in found.take),
    ]
