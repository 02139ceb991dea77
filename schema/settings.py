"""The settings file `config.toml` as a person writes it, with its defaults and limits.

Every value can be overridden by `STABLENEW_SECTION__NAME` in the environment. Reading the file is the edges' work.
"""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schema.hooks import Occasion
from schema.parts import Fraction
from schema.stages import Video

Seconds = Annotated[float, Field(ge=0.0, le=31_536_000.0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _secret(written: object) -> object:
    """Faults do not repeat what was written."""
    if written is None or (isinstance(written, str) and len(written) <= 1000 and written.isprintable()):
        return written
    raise ValueError("a key or password is one line of text in quotes, of at most 1000 characters")


Secret = Annotated[str, BeforeValidator(_secret), Field(max_length=1000)]
"""Never shown, logged or sent anywhere but where it belongs."""


def _key(written: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]*", written):
        raise ValueError("a key has letters, digits and signs of ASCII only, and no spaces")
    return written


Key = Annotated[str, BeforeValidator(_secret), AfterValidator(_key), Field(max_length=1000)]
"""A secret that goes into a header."""


class DaemonSettings(_Section):
    free_floor_mb: Annotated[int, Field(ge=0)] = 2048
    """Below this much free disk no stage is started."""
    submit_floor_mb: Annotated[int, Field(ge=0)] = 512
    """Below this much free disk no run is taken."""
    stage_timeout: Seconds = 7200.0
    """Hard limit of one attempt."""
    stall_timeout: Seconds = 600.0
    """An attempt without progress for this long is cancelled and tried again."""
    retries: Annotated[int, Field(ge=1, le=20)] = 3
    """Attempts of one stage before the job needs attention."""
    suspects: Literal["retry", "keep"] = "retry"
    """A black, flat or wrongly sized picture: made once more and then shown to you, or kept with a mark."""
    backoff: Seconds = 5.0
    """Before the second attempt; doubles each time up to five minutes."""
    snapshot_every: Annotated[int, Field(ge=100)] = 20_000
    """Events between two snapshots."""
    max_clients: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Connections at once; beyond it the one that has been silent longest is closed."""


class RunSettings(_Section):
    pipeline: str = "standard"
    """What runs when nobody names one."""
    max_variants: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    """A plan with more jobs is refused."""
    video: bool = False
    """Make a film of every run."""


class RefinePreset(_Section):
    tool: Literal["median", "bilateral", "none"] = "bilateral"
    """What takes the noise away."""
    denoise: Fraction = 0.3
    """How much of the noise goes."""
    sharpen: Annotated[float, Field(ge=0.0, le=5.0)] = 0.5
    """How much edges are raised."""
    radius: Annotated[float, Field(ge=0.1, le=10.0)] = 1.0
    """Pixels around each that are looked at."""


class RefineSettings(_Section):
    presets: dict[str, RefinePreset] = {"default": RefinePreset()}
    models: dict[str, str] = {}
    """Model name to the name of its preset."""


class ResultSettings(_Section):
    folder: str | None = None
    """Where the folders of runs lie. Not set: where `config path` says."""
    links: bool = True
    """Hard links to the artifact store where the file system allows; else copies."""


class SketchSettings(_Section):
    """The embedded backend, which needs no GPU and no server."""

    step_seconds: Seconds = 0.0
    """Slept in every step, to make a slow machine out of a quick one."""
    load_seconds: Seconds = 0.0
    """Slept whenever it loads another model."""
    vram_gb: Annotated[float, Field(ge=0.0, le=1024.0)] = 8.0
    """The memory it plays to have; 0: no limit."""


def _address(written: str) -> str:
    if "@" in written:
        raise ValueError("an address holds no name or password; write those into agent.auth")
    try:
        parts = urlsplit(written)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or not re.fullmatch(r"https?://[^\s/]+(/\S*)?", written):
        raise ValueError("an address is written as http://HOST:PORT")
    return written


Address = Annotated[str, Field(max_length=500), AfterValidator(_address)]
"""Of a server; no name or password in it, as every program of this machine can read an agent's command line."""


class AgentSettings(_Section):
    """The agent that the daemon brings along: what it drives on this machine. Others: `stablenew agent run`."""

    sketch: bool = True
    """The backend that needs no GPU and draws simple pictures; off where a real one draws."""
    webui: Address | None = None
    """Address of SD WebUI or Forge, as `http://127.0.0.1:7860`."""
    comfyui: Address | None = None
    """Address of ComfyUI, as `http://127.0.0.1:8188`."""
    diffusers: str | None = None
    """Folder of models; needs `stablenew[diffusers]`."""
    llm: Address | None = None
    """Address of an OpenAI-compatible server, as `http://127.0.0.1:11434/v1`."""
    auth: Secret | None = None
    """`USER:PASSWORD` of the server, or the key of the language model."""
    models: str | None = None
    """Folder of the server's models, read where its API does not answer."""
    free_after: Seconds = 600.0
    """Idle for so long, it gives its memory back; 0: never by itself."""
    previews: bool = True
    """Show unfinished pictures while somebody watches."""


class FleetSettings(_Section):
    """Agents on other machines."""

    discover: bool = True
    """Look for agents on the local network by mDNS."""
    heartbeat: Annotated[float, Field(gt=0.0, le=3600.0)] = 5.0
    """Seconds between two signs of life of a node."""
    suspect_after: Annotated[float, Field(gt=0.0, le=86_400.0)] = 15.0
    """Silent for so many seconds, a node gets nothing new."""
    lost_after: Annotated[float, Field(gt=0.0, le=86_400.0)] = 45.0
    """Silent for so many seconds, what it was at goes elsewhere."""
    strikes: Annotated[int, Field(ge=1, le=100)] = 3
    """Failures in a row of different jobs, until a node gets no more of a model, or nothing at all."""
    barred_for: Seconds = 3600.0
    """How long a node gets no more of a model that it failed with."""
    cooling: Seconds = 600.0
    """How long a node gets nothing at all after failing with everything."""
    overdue: Seconds = 900.0
    """A pack that got no stage for so long comes first."""
    shared: str | None = None
    """Folder on shared storage that agents leave their results in. Not set: results come over the connection."""


def _folders(written: object) -> object:
    """`/a, /b` as two folders."""
    if isinstance(written, str):
        return tuple(name.strip() for name in written.split(",") if name.strip())
    return written


Folders = Annotated[tuple[str, ...], BeforeValidator(_folders), Field(max_length=50)]


class LibrarySettings(_Section):
    """Where models lie, and whether anybody on the internet is asked about them."""

    models: Folders = ()
    """Folders of models; those that `agent.models` and `agent.diffusers` name are looked into anyway."""
    watch: Literal["auto", "poll", "off"] = "auto"
    """How changes are noticed; auto: by inotify, and by looking where the file system tells nothing."""
    remote: bool = False
    """Look up and download models from Civitai and Hugging Face, when asked to."""
    civitai: Address = "https://civitai.com"
    """Asked about models, or a mirror of it."""
    huggingface: Address = "https://huggingface.co"
    """Asked about models too, or a mirror of it."""
    civitai_token: Key | None = None
    """Key of an account, for files that need one."""
    huggingface_token: Key | None = None
    """Key of an account there, for files that need one."""
    largest_mb: Annotated[int, Field(ge=1)] = 32_768
    """A larger file is not downloaded."""


class GallerySettings(_Section):
    """A gallery that finished pictures can be posted to; nothing is sent before `url` is set."""

    url: Address | None = None
    """Of its API, as `https://gallery.example/api`."""
    token: Key | None = None
    """What it knows you by; better in STABLENEW_GALLERY__TOKEN than in the file."""
    favourite_stars: Annotated[int, Field(ge=0, le=5)] = 0
    """Pictures with so many stars are favourites; 0: those tagged `favourite` are."""


TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
ListenAt = Annotated[str, Field(pattern=r"^$|^(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]+):\d{1,5}$")]


class BackupSettings(_Section):
    """Whole, checked copies of the log that the daemon makes by itself."""

    nightly: bool = True
    """Make one every night."""
    folder: str | None = None
    """Where they lie, better on another disk. Not set: where `config path` says."""
    at: TimeOfDay = "04:30"
    """Local time; made later where the daemon did not run then."""
    daily: Annotated[int, Field(ge=1, le=1000)] = 7
    """How many of the newest days are kept, and then of weeks and of months."""
    weekly: Annotated[int, Field(ge=0, le=1000)] = 4
    """How many weeks keep one."""
    monthly: Annotated[int, Field(ge=0, le=1000)] = 12
    """How many months keep one."""
    upgrade: bool = True
    """One more before a newer version of the program first writes to the log."""


class ApiSettings(_Section):
    """The same API over TCP, for programs that cannot reach the socket; needs `stablenew token new`."""

    listen: ListenAt = ""
    """`HOST:PORT`, as `127.0.0.1:7800`; empty: not at all."""
    hosts: Folders = ()
    """Names that requests may give for this machine besides the one listened at, as `nas.local:7800`."""
    max_clients: Annotated[int, Field(ge=1, le=10_000)] = 32
    """Connections at once over TCP; beyond it the one that has been silent longest is closed."""


HookName = Annotated[str, Field(pattern=r"^[\w-]{1,40}$")]


class HookSettings(_Section):
    """Somebody to be told, or a command to be run, when something has happened."""

    on: Annotated[tuple[Occasion, ...], Field(min_length=1)]
    url: Address | None = None
    """Gets the news as JSON, by POST."""
    token: Key | None = None
    """Sent along as `Authorization: Bearer`."""
    command: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """A program and its arguments; gets the news as JSON on its standard input. No shell is involved."""
    timeout: Annotated[float, Field(gt=0.0, le=3600.0)] = 30.0
    tries: Annotated[int, Field(ge=1, le=20)] = 5

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (not self.command):
            raise ValueError("a hook has either a url or a command")
        return self


class DiskSettings(_Section):
    trash_days: Annotated[float, Field(ge=0.0, le=36_500.0)] = 0.0
    """Pictures that lay in the trash for so long are deleted, unless they are rated; 0: never by itself."""
    scrub_percent: Annotated[float, Field(ge=0.0, le=100.0)] = 5.0
    """How much of the artifact store is read and checked in a night; 0: nothing."""
    cache_mb: Annotated[int, Field(ge=10, le=10_000_000)] = 2000
    """Of thumbnails; those that were not looked at for longest go first, and are made again when they are."""


class UiSettings(_Section):
    theme: str = "textual-dark"
    """The colours of the screen: one of Textual's themes, or of your own."""
    images: Literal["auto", "half", "kitty", "sixel", "none"] = "auto"
    """How pictures are drawn; auto: as the terminal says that it can."""
    mouse: bool = True
    """Whether clicks and the wheel are ours; off, the terminal marks text with them."""
    truecolor: Literal["auto", "yes", "no"] = "auto"
    """auto: as the terminal says that it can."""
    keymap: dict[str, str] = {}
    """Binding id to keys, as `docs/keymap.md` lists them."""


class Settings(_Section):
    daemon: DaemonSettings = DaemonSettings()
    run: RunSettings = RunSettings()
    video: Video = Video(id="video")
    refine: RefineSettings = RefineSettings()
    results: ResultSettings = ResultSettings()
    sketch: SketchSettings = SketchSettings()
    agent: AgentSettings = AgentSettings()
    fleet: FleetSettings = FleetSettings()
    gallery: GallerySettings = GallerySettings()
    library: LibrarySettings = LibrarySettings()
    backup: BackupSettings = BackupSettings()
    api: ApiSettings = ApiSettings()
    hooks: dict[HookName, HookSettings] = {}
    """By a name of your own: `[hooks.sleep]`."""
    disk: DiskSettings = DiskSettings()
    ui: UiSettings = UiSettings()


SECRETS = ("agent.auth", "gallery.token", "library.civitai_token", "library.huggingface_token")
"""What is shown only as being set."""
