"""Where things live on this machine, from the environment alone. Names folders; opens and makes none.

`STABLENEW_HOME` puts everything below one folder. Without it: the platform's folders.
"""

import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple


def beside(settings: Path) -> Path:
    """The folder of the themes, by the file of the settings."""
    return settings.with_name("themes")


class Places(NamedTuple):
    config: Path
    """Settings, themes, packs, pipelines, presets, profiles: what people wrote."""
    data: Path
    """Artifacts and backups."""
    state: Path
    """The log, its lock, its head, views, snapshots, `endpoint.json`, program logs."""
    runtime: Path | None
    """Where the socket would best lie; None: in the state folder."""
    results: Path

    @property
    def settings(self) -> Path:
        return self.config / "config.toml"

    @property
    def themes(self) -> Path:
        """Colours of the screen, beside the settings."""
        return beside(self.settings)

    @property
    def packs(self) -> Path:
        return self.config / "packs"

    @property
    def log(self) -> Path:
        return self.state / "events.db"

    @property
    def head(self) -> Path:
        return self.state / "events.head"

    @property
    def heard(self) -> Path:
        """How far the log has been, as an agent says that worked for a later daemon; seldom there."""
        return self.state / "events.heard"

    @property
    def views(self) -> Path:
        return self.state / "views.db"

    @property
    def snapshots(self) -> Path:
        return self.state / "snapshots"

    @property
    def lock(self) -> Path:
        return self.state / "daemon.lock"

    @property
    def endpoint(self) -> Path:
        """JSON `{"socket", "pid", "boot"}`, written by the daemon, read by clients."""
        return self.state / "endpoint.json"

    @property
    def logs(self) -> Path:
        """JSON-line logs of daemon and agents."""
        return self.state / "logs"

    @property
    def models(self) -> Path:
        """What is known of the files of models; disposable."""
        return self.state / "models.db"

    @property
    def artifacts(self) -> Path:
        return self.data / "art"

    @property
    def witness(self) -> Path:
        """The log's head once more, beside the pictures: the state folder may be put back older as a whole."""
        return self.artifacts / ".head"

    @property
    def thumbnails(self) -> Path:
        return self.data / "thumbs"

    @property
    def backups(self) -> Path:
        """Whole copies of the log, unless the settings name another folder."""
        return self.data / "backups"

    @property
    def agent(self) -> Path:
        """The loopback agent's spool, blobs and socket."""
        return self.state / "agent"

    @property
    def agents(self) -> Path:
        """One folder for each further agent of this user on this machine, with its `agent.sock`."""
        return self.state / "agents"

    @property
    def keys(self) -> Path:
        """The daemon's key and certificate: back them up with the log, or every agent must be paired again."""
        return self.state / "keys"

    @property
    def workflows(self) -> Path:
        """ComfyUI workflows in API format."""
        return self.config / "workflows"


SPARE_PREFIX = "stablenew-"
"""How folders for sockets begin whose own place has too long a path, is away or takes nothing."""


def spare_folder(owner: Path) -> Path:
    """Where a socket of the folder `owner` lies that cannot lie there itself; the same for daemon and clients."""
    return Path(tempfile.gettempdir()) / f"{SPARE_PREFIX}{os.geteuid()}-{sha256(os.fsencode(owner)).hexdigest()[:12]}"


def places(env: Mapping[str, str]) -> Places:
    home = env.get("STABLENEW_HOME")
    if home:
        root = Path(home).expanduser().absolute()
        return Places(root / "config", root / "data", root / "state", None, root / "results")
    import platformdirs

    dirs = platformdirs.PlatformDirs("stablenew", appauthor=False)
    runtime = env.get("XDG_RUNTIME_DIR")
    return Places(
        config=dirs.user_config_path,
        data=dirs.user_data_path,
        state=dirs.user_state_path,
        runtime=Path(runtime) / "stablenew" if runtime else None,
        results=dirs.user_pictures_path / "stablenew",
    )
