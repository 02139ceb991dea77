"""A process that speaks the diffusers backend's messages and computes nothing; what it does is told by the prompt.

python -P diffusers_child.py [--late SECONDS] [--refuse]
"""

import os
import signal
import sys
import threading
import time

from agent.backends import BackendTrouble
from agent.backends.diffusers.messages import Done, Held, Hello, Run
from agent.backends.diffusers.process import Ruined, Teller, pipes, serve

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)


class AcceleratorError(RuntimeError):
    """Named as torch's."""


class Pretender:
    """Of its device nothing can be had any more once it is `ruined`."""

    def __init__(self) -> None:
        self._ruined = False
        self._resident: tuple[str, ...] = ()

    def hello(self) -> Hello:
        return Hello(device="cuda", name="Pretended", dtype="float16", vram_gb=8.0, torch="2", diffusers="0",
                     missing="spandrel needs torchvision")  # fmt: skip

    def held(self) -> Held:
        return Held(used_gb=2.0 if self._resident else 0.0, resident=self._resident)

    def run(self, asked: Run, teller: Teller) -> Done:
        if self._ruined:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        self._resident = ("toy",)
        what, _, more = asked.order.prompt.partition(" ")
        match what:
            case "steps":
                for step in range(int(more)):
                    teller.step(step + 1, int(more), "sampling")
                    if teller.previews:
                        teller.preview(b"jpeg")
            case "work":  # steps for ever, each a moment
                for step in range(10_000):
                    teller.step(step, 10_000, "sampling")
                    time.sleep(0.02)
            case "load":  # nothing can stop it
                teller.step(0, 1, "loading model toy")
                time.sleep(600)
            case "die":
                teller.step(1, 5, "sampling")
                os.kill(os.getpid(), getattr(signal, more))
                time.sleep(600)
            case "exit":
                print("the card fell off the bus", file=sys.stderr, flush=True)
                os._exit(7)
            case "babble":
                print("libraries print what they like")
                os.write(1, b"and so does C code\n")
            case "nonsense":
                teller._line._pipe.write(b"\x00\x00\x00\x02hi")
                teller._line._pipe.flush()
                time.sleep(600)
            case "full":
                raise (Ruined if more else BackendTrouble)("out-of-memory", "the GPU's memory is full")
            case "ruin":
                self._ruined = True
                raise (AcceleratorError if more == "named" else RuntimeError)(more)
            case "hidden-ruin":
                self._ruined = True
                try:
                    raise RuntimeError("CUDA error: an illegal memory access was encountered")
                except RuntimeError as fault:
                    raise BackendTrouble("bad-request", "the LoRA ink does not fit toy") from fault
            case "bug":
                raise ZeroDivisionError("by zero")
            case "freeze":
                teller.step(1, 5, "sampling")
                os.kill(os.getpid(), signal.SIGSTOP)
        return Done(
            number=asked.number, pictures=((PNG, asked.order.seed),), used={"sampler": "Euler"},
            reported={"pid": os.getpid(), "threads": threading.active_count()}, loaded_s=0.5,
        )  # fmt: skip


if __name__ == "__main__":
    if "--refuse" in sys.argv:
        print("torch cannot be imported: libcuda is of the wrong size", file=sys.stderr)
        sys.exit(3)
    if "--late" in sys.argv:
        time.sleep(float(sys.argv[sys.argv.index("--late") + 1]))
    serve(Pretender, *pipes())
