"""`web`: the terminal UI in a browser of this machine, by the extra `stablenew[web]`."""

import sys
from importlib.util import find_spec

from schema.errors import Refused
from tui.cli import ask, output
from tui.cli.tree import Verb, option


def web(port: int) -> int:
    if find_spec("textual_serve") is None:
        raise Refused(
            "what shows it in a browser is not installed", where="stablenew web",
            remedy="Install `stablenew[web]`: `uv tool install 'stablenew[web]'`, or `pip install textual-serve`.",
        )  # fmt: skip
    ask.started()
    from tui.web import serve

    def tell(address: str) -> None:
        output.tell(
            "Open this address in a browser of this machine; Ctrl-C ends it. Whoever has it can do all you can."
        )
        output.put(address)
        sys.stdout.flush()

    return serve(port, tell)


WEB = Verb(
    web,
    "Open the terminal UI in a browser of this machine; starts the daemon if none runs.\n"
    "Pictures are shown as half cells. From another machine: `ssh -L 8000:127.0.0.1:8000 HOST`, then the address.",
    (option("--port", "N", "Where to listen on 127.0.0.1; 0: any port that is free.", kind=int, default=8000),),
)
