"""A small Civitai and Hugging Face of the tests' own, on this machine: files by Range, and faults on demand."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class Site:
    """`content` is the file of version 21 and of `artist/haze/haze.safetensors`."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.told_sha256 = self.sha256
        self.told_size = len(content)
        self.told_name = "haze.safetensors"
        self.etag = '"one"'
        self.break_after: int | None = None
        """Bytes after which the line breaks, once."""
        self.elsewhere = ""
        """Where the download is sent to; empty: nowhere."""
        self.ranges = True
        self.chunked = False
        """The size is not told beforehand."""
        self.asked: list[tuple[str, str, str]] = []
        """Path, Range and Authorization of each request."""
        self.status = 0
        self.hostile: dict[str, web.Response | str | bytes | list[object] | dict[str, object]] = {}
        """Path to an answer in place of its own; `*` for every record."""

    @property
    def downloads(self) -> list[str]:
        return [ranged for path, ranged, _ in self.asked if path.startswith("/files/")]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        told = request.headers
        self.asked.append((request.path, told.get("Range", ""), told.get("Authorization", "")))
        if self.status:
            return web.Response(status=self.status)
        path = request.path
        if path.startswith(("/api/v1/", "/api/models")) and "*" in self.hostile:
            return hostile(self.hostile["*"])
        if path in self.hostile:
            return hostile(self.hostile[path])
        if path.startswith(("/api/download/", "/artist/haze/resolve/")):
            raise web.HTTPFound(self.elsewhere or "/files/21")
        if path.startswith("/files/"):
            return await self._file(request)
        if path == "/picture.png":
            return web.Response(body=b"\x89PNG made up", content_type="image/png")
        if path == "/api/huge":
            return web.Response(body=b" " * (9 << 20), content_type="application/json")
        return self._told(path)

    def _told(self, path: str) -> web.Response:
        version = {
            "id": 21, "modelId": 7, "name": "v2", "baseModel": "SDXL 1.0", "trainedWords": ["haze"],
            "model": {"name": "Sea Haze", "type": "LORA"}, "images": [{"url": f"{self.url}/picture.png"}],
            "files": [{"name": self.told_name, "type": "Model", "primary": True, "sizeKB": self.told_size / 1024,
                       "hashes": {"SHA256": self.told_sha256.upper()}, "downloadUrl": "/api/download/models/21"}],
        }  # fmt: skip
        answers: dict[str, object] = {
            "/api/v1/model-versions/21": version,
            f"/api/v1/model-versions/by-hash/{self.sha256}": version,
            "/api/v1/models": {"items": [
                {"id": 7, "name": "Sea Haze", "type": "LORA", "tags": ["sea"], "creator": {"username": "ana"},
                 "stats": {"downloadCount": 12}, "modelVersions": [version]},
            ]},
            "/api/models": [
                {"id": "artist/haze", "tags": ["lora", "base_model:adapter:some/sdxl-base"], "downloads": 5,
                 "siblings": [{"rfilename": "README.md"}, {"rfilename": "haze.safetensors"}]},
                {"id": "../../etc/passwd"},
            ],
            "/api/models/artist/haze/tree/main": [
                {"path": "README.md", "size": 3},
                {"path": "haze.safetensors", "size": 130, "lfs": {"oid": self.told_sha256, "size": self.told_size}},
            ],
        }  # fmt: skip
        return web.json_response(answers[path]) if path in answers else web.Response(status=404)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        at = 0
        ranged = request.headers.get("Range", "")
        fits = request.headers.get("If-Range", self.etag) == self.etag
        if ranged and self.ranges and fits:
            at = int(ranged.removeprefix("bytes=").rstrip("-"))
            if at >= len(self.content):
                return web.Response(status=416)
        rest = self.content[at:]
        response = web.StreamResponse(status=206 if at else 200, headers={"ETag": self.etag})
        if at:
            response.headers["Content-Range"] = f"bytes {at}-{len(self.content) - 1}/{len(self.content)}"
        if self.chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = len(rest)
        await response.prepare(request)
        if self.break_after is not None:
            await response.write(rest[: self.break_after])
            self.break_after = None
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(rest)
        await response.write_eof()
        return response


def hostile(told: web.Response | str | bytes | list[object] | dict[str, object]) -> web.Response:
    if isinstance(told, web.Response):
        return told
    if isinstance(told, bytes | str):
        return web.Response(body=told, content_type="application/json")
    return web.json_response(told)


@asynccontextmanager
async def serving(content: bytes) -> AsyncIterator[Site]:
    site = Site(content)
    app = web.Application()
    app.router.add_route("GET", "/{rest:.*}", site.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    site.url = runner.addresses[0] and f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()
