"""Civitai and Hugging Face: what they offer, and where the file of one offer lies.

https://developer.civitai.com/docs/api/public-rest and https://huggingface.co/docs/hub/api.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import quote

from yarl import URL

from daemon.library.models.bases import base_of
from daemon.library.models.folders import ENDINGS
from daemon.library.models.loose import Loose
from daemon.library.models.remote.door import Door, Site, joined
from daemon.library.models.sidecars import TYPES
from schema.errors import Refused
from schema.models import Offer

_KINDS: Mapping[str, str] = {
    "models": "Checkpoint", "loras": "LORA", "embeddings": "TextualInversion", "vaes": "VAE", "upscalers": "Upscaler",
    "controls": "Controlnet", "hypernetworks": "Hypernetwork",
}  # fmt: skip

_NAME = re.compile(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", re.ASCII)


class Wanted(NamedTuple):
    """A file to download."""

    url: URL
    name: str
    """As the site calls it; not to be trusted."""
    list: str
    bytes: int
    """0: not told."""
    sha256: str
    """Empty: not told."""
    sidecar: str = ""
    """What the site says of it, as Civitai-Helper keeps it."""
    picture: URL | None = None


class Source(Protocol):
    async def search(self, words: str, list_: str, most: int) -> tuple[Offer, ...]: ...
    async def wanted(self, id: str) -> Wanted: ...


class Civitai:
    def __init__(self, door: Door, site: Site) -> None:
        self._door = door
        self._site = site

    async def search(self, words: str, list_: str, most: int) -> tuple[Offer, ...]:
        query = {"query": words, "limit": str(most)}
        if list_ in _KINDS:
            query["types"] = _KINDS[list_]
        found = await self._door.json(self._site.at("/api/v1/models").with_query(query))
        return tuple(offer for model in found.each("items") for offer in _newest(model))[:most]

    async def wanted(self, id: str) -> Wanted:
        """Of a version. Raises Refused."""
        version = await self._door.json(self._site.at(f"/api/v1/model-versions/{_number(id)}"))
        return self._wanted(version, id)

    async def by_hash(self, sha256: str) -> Wanted:
        return self._wanted(await self._door.json(self._site.at(f"/api/v1/model-versions/by-hash/{sha256}")), "")

    def _wanted(self, version: Loose, id: str) -> Wanted:
        file = _chosen(version)
        at = file.text("downloadUrl") or version.text("downloadUrl")
        if not at:
            raise Refused(f"version {id} has no file to download.", where="id")
        pictures = [one.text("url") for one in version.each("images") if one.text("type") in ("", "image")]
        return Wanted(
            url=joined(self._site.url, at),
            name=file.text("name"),
            list=TYPES.get(version.inner("model").text("type").lower(), ""),
            bytes=int((file.number("sizeKB") or 0.0) * 1024),
            sha256=file.inner("hashes").text("SHA256").lower(),
            sidecar=version.as_json(),
            picture=self._picture(pictures),
        )

    def _picture(self, told: list[str]) -> URL | None:
        """A model is as good without one."""
        try:
            return joined(self._site.url, told[0]) if told else None
        except Refused:
            return None


class HuggingFace:
    def __init__(self, door: Door, site: Site) -> None:
        self._door = door
        self._site = site

    async def search(self, words: str, list_: str, most: int) -> tuple[Offer, ...]:
        query = {"search": words, "limit": str(most), "full": "true"}
        if list_ == "loras":
            query["filter"] = "lora"
        found = await self._door.json(self._site.at("/api/models").with_query(query))
        return tuple(self._offer(each) for each in found.each("items") if _NAME.fullmatch(each.text("id", "modelId")))

    async def wanted(self, id: str) -> Wanted:
        """`OWNER/NAME/FILE`, or `OWNER/NAME` where it has one file of weights. Raises Refused."""
        repository, rest = "/".join(id.split("/")[:2]), id.split("/")[2:]
        if not _NAME.fullmatch(repository):
            raise Refused(f"'{id[:80]}' is no OWNER/NAME/FILE.", where="id")
        tree = await self._door.json(self._site.at(f"/api/models/{repository}/tree/main?recursive=true"))
        files = {one.text("path"): one for one in tree.each("items") if one.text("path").lower().endswith(ENDINGS)}
        path = "/".join(rest) or (next(iter(files)) if len(files) == 1 else "")
        if path not in files:
            shown = ", ".join(list(files)[:8]) or "none"
            raise Refused(f"name a file of {repository}.", where="id", remedy=f"There are: {shown}.")
        large = files[path].inner("lfs")
        url = self._site.at(f"/{repository}/resolve/main/{quote(path)}")
        return Wanted(
            url=url,
            name=path.rpartition("/")[2],
            list="",
            bytes=int(large.number("size") or files[path].number("size") or 0),
            sha256=large.text("oid").lower() if len(large.text("oid")) == 64 else "",
        )

    def _offer(self, model: Loose) -> Offer:
        name, tags = model.text("id", "modelId"), model.texts("tags")
        files = [one.text("rfilename") for one in model.each("siblings")]
        weights = [file for file in files if file.lower().endswith(ENDINGS)]
        base = next((tag.partition(":")[2] for tag in tags if tag.startswith("base_model:")), "")
        return Offer(
            source="huggingface",
            id=f"hf:{name}" + (f"/{weights[0]}" if len(weights) == 1 else ""),
            name=name.rpartition("/")[2],
            list="loras" if "lora" in tags else "",
            base=base_of(base.rpartition(":")[2]),
            author=name.partition("/")[0],
            tags=tuple(tag for tag in tags if ":" not in tag)[:12],
            file=weights[0] if len(weights) == 1 else "",
            page=str(self._site.at(f"/{name}")),
            downloads=int(model.number("downloads") or 0),
        )


def _newest(model: Loose) -> Iterator[Offer]:
    """The newest version stands for a model."""
    for version in model.each("modelVersions")[:1]:
        file = _chosen(version)
        yield Offer(
            source="civitai",
            id=f"civitai:{version.text('id')}",
            name=f"{model.text('name')} {version.text('name')}".strip(),
            list=TYPES.get(model.text("type").lower(), ""),
            base=base_of(version.text("baseModel")),
            author=model.inner("creator").text("username"),
            triggers=version.texts("trainedWords"),
            tags=model.texts("tags")[:12],
            file=file.text("name"),
            bytes=int((file.number("sizeKB") or 0.0) * 1024),
            sha256=file.inner("hashes").text("SHA256").lower(),
            page=f"https://civitai.com/models/{model.text('id')}",
            downloads=int(model.inner("stats").number("downloadCount") or 0),
        )


def _chosen(version: Loose) -> Loose:
    """The file that is meant where one says nothing more: the primary one, else the first that is a model."""
    files = version.each("files")
    primary = [one for one in files if one.flag("primary")]
    models = [one for one in files if one.text("type").lower() in ("model", "pruned model", "")]
    return next(iter((*primary, *models, *files)), Loose({}))


def _number(id: str) -> str:
    if not id.isdecimal() or not id.isascii() or len(id) > 12:
        raise Refused(f"'{id[:40]}' is no version's number.", where="id", remedy="`model search` shows them.")
    return id
