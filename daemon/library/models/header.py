"""The header of a safetensors file: metadata, names of tensors, and whether the file is all there.

Format: 8 bytes little-endian length N, then N bytes of JSON, then the tensors
(https://github.com/huggingface/safetensors#format). A header is a stranger's text: bounded in every way.
"""

import os
from typing import BinaryIO

import msgspec

from daemon.library.models.loose import loads, storable
from schema.plans import Plain

MOST = 16 << 20
"""Bytes of a header that is read; a large checkpoint's has half a million."""

MOST_TEXT = 4 << 20
"""Characters of one value that are looked into."""

LARGEST = 1 << 50
"""Bytes that a tensor may end at."""

LENGTH = 8


class Header(Plain, frozen=True, kw_only=True):
    size: int = 0
    """Bytes before the tensors."""
    metadata: dict[str, str] = {}
    tensors: dict[str, tuple[int, ...]] = {}
    """Name to shape."""
    trouble: str = ""
    """What is wrong with the file, with the remedy; empty: nothing that the header tells."""
    short: bool = False
    """It ends before its header says: it is still being written, or was cut."""


class _Tensor(msgspec.Struct, frozen=True):
    shape: tuple[int, ...] = ()
    data_offsets: tuple[int, int] = (0, 0)


class _Spoken(msgspec.Struct, frozen=True):
    metadata: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict, name="__metadata__")


_TENSORS = msgspec.json.Decoder(dict[str, _Tensor])
"""Takes the metadata for one more tensor without a shape."""
_SPOKEN = msgspec.json.Decoder(_Spoken)


def read_header(file: BinaryIO, size: int) -> Header:
    """Of an open file of `size` bytes, from its beginning. Raises OSError only."""
    head = file.read(LENGTH)
    if len(head) < LENGTH:
        return Header(short=True, trouble=_cut(size, LENGTH))
    length = int.from_bytes(head, "little")
    if length > MOST:
        return Header(trouble="its header is none: it claims to be longer than any; download the file again")
    if LENGTH + length > size:
        return Header(short=True, trouble=_cut(size, LENGTH + length))
    return _read(file.read(length), LENGTH + length, size)


def _read(text: bytes, size: int, whole: int) -> Header:
    try:
        spoken = _strings(_SPOKEN.decode(text).metadata)
        tensors = _TENSORS.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Header(size=size, trouble="its header cannot be read; download the file again")
    tensors.pop("__metadata__", None)
    last = max((tensor.data_offsets[1] for tensor in tensors.values()), default=0)
    if last > LARGEST:
        return Header(size=size, trouble="its header speaks of more than any disk holds; download the file again")
    ends = size + last
    header = Header(size=size, metadata=spoken, tensors={name: tensor.shape for name, tensor in tensors.items()})
    if ends > whole:
        return msgspec.structs.replace(header, short=True, trouble=_cut(whole, ends))
    return header


def _strings(values: dict[str, msgspec.Raw]) -> dict[str, str]:
    """Values that are no text, which the format forbids, are taken as their JSON."""
    found: dict[str, str] = {}
    for name, value in values.items():
        text = bytes(value)
        if len(text) <= MOST_TEXT:
            decoded = loads(text) if text[:1] == b'"' else None
            found[name] = storable(decoded) if isinstance(decoded, str) else text.decode("utf-8", "replace")
    return found


def _cut(there: int, wanted: int) -> str:
    return f"only {there:,} of {wanted:,} bytes are there: it is still being written, or must be downloaded again"


def whole_zip(file: BinaryIO, size: int) -> bool:
    """Whether a `.pt` or `.ckpt` of the newer kind, which is a zip archive, has its end. Others are taken as whole."""
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        return True
    file.seek(max(0, size - 65_557), os.SEEK_SET)
    return b"PK\x05\x06" in file.read()
