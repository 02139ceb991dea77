"""docs/agent-protocol.md says what the code does: every route, every struct, the version and the limits."""

import re
from pathlib import Path

import msgspec

import schema.orders
from agent.backends import BACKENDS
from agent.bench import FORGOTTEN
from agent.blobs import MAX_BLOB
from agent.feed import HEARTBEAT_SECONDS, PROGRESS_SECONDS, SLOW_SECONDS
from agent.server import Server
from schema.orders import LARGEST_ORDER, PROTOCOL, Accepted, AttemptReport

PAGE = Path(__file__).parents[2] / "docs" / "agent-protocol.md"
TEXT = PAGE.read_text("utf-8")


def routes_of_the_page(text: str) -> set[tuple[str, str]]:
    return {(method, path) for method, path in re.findall(r"\b(GET|HEAD|PUT|POST|DELETE) +(/v1/[a-z/{}0-9]*)", text)}


def test_page_docstring_and_server_have_the_same_routes() -> None:
    rows = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    app = Server.app(Server.__new__(Server))
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    assert routes_of_the_page(rows) == routes_of_the_page(schema.orders.__doc__ or "")
    # card and attempts answer HEAD as any GET of HTTP does; nobody needs to be told
    assert served - {("HEAD", "/v1/card"), ("HEAD", "/v1/attempts")} == routes_of_the_page(rows)


def test_every_struct_of_the_wire_is_on_the_page() -> None:
    structs = {
        name
        for name, found in vars(schema.orders).items()
        if isinstance(found, type) and issubclass(found, msgspec.Struct) and found.__module__ == "schema.orders"
    }
    assert structs and {name for name in structs if f"`{name}" not in TEXT} == set()
    assert "`AgentNews`" in TEXT


def test_every_state_is_explained() -> None:
    for struct in (Accepted, AttemptReport):
        field = next(field for field in msgspec.structs.fields(struct) if field.name == "state")
        for state in field.type.__args__:
            assert f"`{state}`" in TEXT, (struct.__name__, state)


def test_version_and_limits_are_those_of_the_code() -> None:
    assert TEXT.startswith(f"# The agent's protocol, version {PROTOCOL}\n")
    assert f"{LARGEST_ORDER >> 20} MiB (413)" in TEXT and f"{MAX_BLOB >> 20} MiB" in TEXT
    assert f"{FORGOTTEN:,} ids".replace(",", " ") in TEXT
    assert (HEARTBEAT_SECONDS, PROGRESS_SECONDS, SLOW_SECONDS) == (2.0, 0.1, 10.0)
    assert "every two seconds" in TEXT and "ten a second" in TEXT and "ten seconds" in TEXT


def test_every_kind_of_backend_a_card_may_name_is_one_registry_line() -> None:
    assert set(BACKENDS) <= {"sketch", "webui", "comfyui", "diffusers", "llm", "words"}
