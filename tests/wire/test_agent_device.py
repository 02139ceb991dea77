"""The NVIDIA GPU an agent stands for, by a driver of our own making: which one it is, what it tells, who asks it."""

import asyncio
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_place`

from agent_place import Patient, order, placed, until

from agent import meter as meters
from agent.backends import Memory
from agent.device import ORDER, VISIBLE, Device, Nvml, Reading, choose, demanded, found
from agent.meter import Meter, ram_used_gb
from agent.start import Chosen
from schema.errors import Refused
from schema.orders import Gpu


class FakeError(Exception):
    pass


class FakeNvml:
    """Two GPUs, of which everything can be taken away."""

    NVMLError = FakeError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, *, driver: bool = True, count: int = 2) -> None:
        self.driver = driver
        self.count = count
        self.percent = 40
        self.used = 3_000_000_000
        self.silent: set[str] = set()
        self.asked = 0
        self.thread = ""

    def nvmlInit(self) -> None:
        if not self.driver:
            raise FakeError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> object:
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes) -> object:
        if uuid != b"GPU-1f2e":
            raise FakeError("Not Found")
        return 1

    def nvmlDeviceGetName(self, handle: object) -> str:
        return ("NVIDIA RTX 3060", "NVIDIA RTX 4090")[int(str(handle))]

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> SimpleNamespace:
        self.asked += 1
        self.thread = threading.current_thread().name
        self._check("memory")
        return SimpleNamespace(total=(12_884_901_888, 25_757_220_864)[int(str(handle))], used=self.used)

    def nvmlDeviceGetUtilizationRates(self, handle: object) -> SimpleNamespace:
        self._check("percent")
        return SimpleNamespace(gpu=self.percent)

    def nvmlDeviceGetTemperature(self, handle: object, sensor: int) -> int:
        self._check("celsius")
        return 61

    def nvmlDeviceGetPowerUsage(self, handle: object) -> int:
        self._check("watts")
        return 118_400

    def _check(self, what: str) -> None:
        if what in self.silent:
            raise FakeError("Not Supported")


def device_of(nvml: Nvml | None, **env: str) -> Device | None:
    return found(env, lambda: nvml)


def test_the_first_is_taken_and_the_others_are_counted() -> None:
    device = device_of(FakeNvml())
    assert device is not None
    assert (device.name, device.others) == ("NVIDIA RTX 3060", 1)
    assert device.gpu() == Gpu(name="NVIDIA RTX 3060", vram_gb=12.885)
    assert device.read() == Reading(12.885, 3.0, 40.0, 61.0, 118.4)


@pytest.mark.parametrize(
    ("visible", "name"),
    [
        ("1", "NVIDIA RTX 4090"), ("1,0", "NVIDIA RTX 4090"), (" 0", "NVIDIA RTX 3060"), ("", None), ("-1", None),
        ("7", None), ("GPU-1f2e", "NVIDIA RTX 4090"), ("GPU-none", None), ("nonsense", None),
    ],
)  # fmt: skip
def test_it_is_the_one_that_the_environment_shows(visible: str, name: str | None) -> None:
    device = device_of(FakeNvml(), **{VISIBLE: visible})
    assert (device.name if device else None) == name


@pytest.mark.parametrize("nvml", [None, FakeNvml(driver=False), FakeNvml(count=0)])
def test_without_library_driver_or_gpu_nobody_complains(nvml: Nvml | None) -> None:
    assert device_of(nvml) is None


def test_a_named_one_is_all_that_is_seen_and_must_be_there() -> None:
    env: dict[str, str] = {}
    choose(1, env)
    assert env == {VISIBLE: "1", ORDER: "PCI_BUS_ID"}
    device = device_of(FakeNvml(), **env)
    assert device is not None and device.name == "NVIDIA RTX 4090"
    demanded(1, device)
    with pytest.raises(Refused, match="no NVIDIA GPU with the number 7"):
        demanded(7, None)


def test_what_a_device_does_not_tell_is_not_made_up() -> None:
    nvml = FakeNvml()
    nvml.silent = {"percent", "celsius", "watts"}
    device = device_of(nvml)
    assert device is not None and device.read() == Reading(12.885, 3.0, None, None, None)
    nvml.silent.add("memory")
    assert device.read() == Reading()


@pytest.mark.parametrize(
    ("chosen", "here"),
    [
        (Chosen("sketch"), False), (Chosen("diffusers", "/models"), True), (Chosen("webui"), True),
        (Chosen("webui", "http://127.0.0.1:7861"), True), (Chosen("comfyui", "http://gpu-box:8188"), False),
        (Chosen("llm", "http://localhost:11434/v1"), True),
    ],
)  # fmt: skip
def test_a_server_elsewhere_and_the_sketch_use_no_gpu_of_this_machine(chosen: Chosen, here: bool) -> None:
    assert chosen.is_on_this_gpu is here


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "LOOK_SECONDS", 0.01)


@pytest.mark.usefixtures("impatient")
async def test_it_is_looked_at_while_somebody_listens_or_a_stage_runs_and_never_in_the_loop() -> None:
    nvml, listened = FakeNvml(), threading.Event()
    meter = Meter(device_of(nvml), listened.is_set)
    looking = asyncio.create_task(meter.run())
    first = nvml.asked
    await asyncio.sleep(0.1)
    assert nvml.asked == first

    async def looked() -> bool | None:
        return True if nvml.asked >= first + 3 else None

    with meter.span() as span:
        await until(looked)
    assert nvml.thread.startswith("meter") and span.percent == 40.0 and span.peak_gb == 3.0
    first = nvml.asked
    listened.set()
    await until(looked)
    load = meter.load(True, [Memory(8.0, 1.0, ("m",))], 77)
    assert (load.vram_gb, load.vram_used_gb, load.gpu_percent, load.celsius, load.watts) == (
        12.885, 3.0, 40.0, 61.0, 118.4,
    )  # fmt: skip
    assert load.resident == ("m",) and load.spool_free_bytes == 77 and load.ram_used_gb > 0
    looking.cancel()
    meter.close()


def test_without_a_device_the_backends_are_believed() -> None:
    meter = Meter(None, lambda: True)
    load = meter.load(False, [Memory(8.0, 1.5), Memory(0.0, 0.0)], 0)
    assert (load.vram_gb, load.vram_used_gb, load.gpu_percent) == (8.0, 1.5, None)
    meter.close()


class OnGpu(Patient):
    """It computes on the device, and does not tell its peak."""

    def gpus(self) -> tuple[Gpu, ...]:
        return (Gpu(name="x", vram_gb=12.0),)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("backend", "peak"), [(OnGpu(), 5.0), (Patient(), 0.0)])
async def test_an_attempt_tells_how_busy_the_device_was_and_its_peak_where_the_backend_does_not(
    tmp_path: Path, backend: Patient, peak: float
) -> None:
    nvml = FakeNvml()
    meter = Meter(device_of(nvml), lambda: False)
    looking = asyncio.create_task(meter.run())
    backend.go.clear()
    async with placed(tmp_path, backend, meter=meter) as place:
        await place.offer(order())
        nvml.used = 5_000_000_000
        before = nvml.asked

        async def looked() -> bool | None:
            return True if nvml.asked >= before + 5 else None

        await until(looked)
        backend.go.set()
        result = (await place.ended(order())).result
        assert result is not None
        assert result.measures.gpu_percent == 40.0
        assert result.measures.peak_vram_gb == peak
    looking.cancel()
    meter.close()


def test_the_machines_memory_is_what_it_could_not_give_away(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  16000000 kB\nMemFree:  100 kB\nMemAvailable:  12000000 kB\n")
    assert ram_used_gb(tmp_path / "meminfo") == 4.1
    (tmp_path / "odd").write_text("MemTotal: many\n")
    assert ram_used_gb(tmp_path / "odd") == ram_used_gb(tmp_path / "none") == 0.0
