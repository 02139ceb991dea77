"""What the agent and its diffusers process say to one another: length-prefixed msgpack frames over two pipes.

    agent -> process   Run, Cancel; the end of the pipe: end yourself
    process -> agent   Hello once, then Alive every half second, Held when models come and go, and for each Run
                       any number of Told and Shown, then one of Done, Broke, Stopped

Knows no torch; both sides import it.
"""

import struct
from typing import BinaryIO

import msgspec

from schema.errors import Trouble
from schema.orders import Order
from schema.plans import Scalar

LENGTH = struct.Struct(">I")
MAX_FRAME = 1 << 30
"""Bytes; a frame that says more is not ours."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="is"):
    pass


class Run(Message, frozen=True, kw_only=True):
    """One stage. Paths are absolute."""

    number: int
    order: Order
    models: str
    inputs: tuple[str, ...] = ()
    image: str | None = None
    mask: str | None = None
    controls: dict[str, str] = {}
    previews: bool = False


class Cancel(Message, frozen=True, kw_only=True):
    number: int


class Hello(Message, frozen=True, kw_only=True):
    """The libraries are loaded and the device is there."""

    device: str
    """`cuda`, `mps` or `cpu`."""
    name: str
    """Of the device, for people."""
    dtype: str
    vram_gb: float
    """0 where models lie in the computer's own memory."""
    torch: str
    diffusers: str
    spandrel: str = ""
    """Its version; empty where it cannot be imported."""
    missing: str = ""
    """Why spandrel cannot."""


class Alive(Message, frozen=True, kw_only=True):
    """Some thread of the process still runs."""


class Held(Message, frozen=True, kw_only=True):
    """What lies in memory now."""

    used_gb: float = 0.0
    resident: tuple[str, ...] = ()


class Told(Message, frozen=True, kw_only=True):
    step: int
    steps: int
    doing: str


class Shown(Message, frozen=True, kw_only=True):
    jpeg: bytes


class Done(Message, frozen=True, kw_only=True):
    number: int
    pictures: tuple[tuple[bytes, int | None], ...] = ()
    """File and seed."""
    used: dict[str, Scalar] = {}
    reported: dict[str, Scalar] = {}
    suspect: str | None = None
    filters: tuple[str, ...] = ()
    loaded_s: float = 0.0
    megapixels: float = 0.0
    peak_gb: float = 0.0


class Broke(Message, frozen=True, kw_only=True):
    number: int
    trouble: Trouble
    sentence: str
    ruined: bool = False
    """The device serves this process no more: it ends."""


class Stopped(Message, frozen=True, kw_only=True):
    """Because of Cancel."""

    number: int


Asked = Run | Cancel
Answer = Hello | Alive | Held | Told | Shown | Done | Broke | Stopped

_asked: msgspec.msgpack.Decoder[Asked] = msgspec.msgpack.Decoder(Asked)
_answer: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


class BadFrame(Exception):
    """The other side does not speak this page."""


def send(pipe: BinaryIO, message: Asked | Answer) -> None:
    """Raises OSError, ValueError when the pipe is closed."""
    body = msgspec.msgpack.encode(message)
    pipe.write(LENGTH.pack(len(body)) + body)
    pipe.flush()


def next_asked(pipe: BinaryIO) -> Asked | None:
    """None: the agent has closed the pipe, or died."""
    body = _frame(pipe)
    return None if body is None else _asked.decode(body)


def next_answer(pipe: BinaryIO) -> Answer | None:
    """None: the process has ended. Raises BadFrame."""
    body = _frame(pipe)
    if body is None:
        return None
    try:
        return _answer.decode(body)
    except msgspec.MsgspecError as fault:
        raise BadFrame(str(fault)) from None


def _frame(pipe: BinaryIO) -> bytes | None:
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise BadFrame(f"a frame of {length} bytes")
    body = pipe.read(length)
    return body if len(body) == length else None
