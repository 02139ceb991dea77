"""`token`: who may ask over TCP. The secret is printed once; the daemon keeps only what it is recognised by."""

import os

from schema.errors import Exit
from tui.cli import ask, output
from tui.cli.tree import JSON, KEY, Verb, argument, option
from tui.link.doc import Doc
from tui.link.query import quoted

SCOPES = ("read", "rate", "run", "all")


def new(name: str, scope: str, days: float | None, key: str | None, as_json: bool) -> int:
    answer = ask.daemon().post("/v1/access", ask.body(name=name, scope=scope, days=days), key)
    secret, address = answer.text("secret"), output.clean(answer.text("address"))
    if as_json:
        output.put_json(answer.fields)
        return Exit.DONE
    if not secret:
        output.tell(
            f"This key was used before: {output.clean(name)} has its secret. Whoever lost it takes a new one after\n"
            f"`stablenew token revoke {output.clean(name)}`."
        )
        return Exit.DONE
    output.put(secret)
    until = f" until {output.moment(answer.text('until'))}" if answer.text("until") else ""
    output.tell(f"This is shown once. {output.clean(name)} may now {_may(scope)}{until}, over TCP:")
    output.tell(f"  curl -H 'Authorization: Bearer SECRET' http://{address or 'HOST:PORT'}/v1/status")
    if not address:
        output.tell(_closed())
    return Exit.DONE


def list_(as_json: bool) -> int:
    answer = ask.daemon().get("/v1/access")
    if as_json:
        output.put_json(answer.fields)
        return Exit.DONE
    rows = [
        (
            each.text("name"), each.text("scope"), output.moment(each.text("created")),
            _until(each.text("until"), each.flag("expired")), output.moment(each.text("latest")) or "not since start",
        )
        for each in answer.docs("items")
    ]  # fmt: skip
    output.put(output.table(("NAME", "SCOPE", "SINCE", "UNTIL", "LAST ASKED"), rows))
    address = output.clean(answer.text("address"))
    output.tell(f"The API listens at {address}." if address else output.clean(answer.text("trouble")) or _closed())
    return Exit.DONE


def revoke(name: str, key: str | None, as_json: bool) -> int:
    done = f"{output.clean(name)} may ask no more; what it was being sent has ended."
    answer = ask.daemon().post(f"/v1/access/{quoted(name)}/revoke", {}, key)
    return ask.told(answer, as_json, done)


def told(api: Doc) -> str:
    """Where the API listens over TCP, and for how many; empty: nowhere."""
    if not (address := output.clean(api.text("address"))):
        return ""
    many = api.whole("accesses")
    reach = "" if api.flag("alone") else ", reached from the network"
    return f"{address}{reach}, {many or 'no'} {'access' if many == 1 else 'accesses'}"


def _may(scope: str) -> str:
    return {
        "read": "read everything and change nothing",
        "rate": "read everything and give verdicts",
        "run": "read everything, give verdicts, submit runs and change the queue",
        "all": "do all that you may, but for letting others in",
    }[scope]


def _until(moment: str, expired: bool) -> str:
    return f"{output.moment(moment)}{', over' if expired else ''}" if moment else "for ever"


def _closed() -> str:
    from schema.places import places

    return (
        "The API listens at no TCP address yet. Put this into"
        f' {places(os.environ).settings} (make it) and start the daemon again:\n  [api]\n  listen = "127.0.0.1:7800"'
    )


NAME = argument("NAME", "A name of your own for who gets it, as `gallery` or `phone`.")

VERBS = {
    "new": Verb(
        new,
        "Let a program ask over TCP: prints its secret, once.\n"
        "read: look at everything. rate: and give verdicts. run: and submit runs and change the queue. all: whatever\n"
        "you may, but for letting others in. It holds until it is revoked, or for some days.",
        (
            NAME,
            option("--scope", "SCOPE", "What it may: read, rate, run or all.", default="read", choices=SCOPES),
            option("--days", "N", "It expires after so many days.", kind=float),
            KEY, JSON,
        ),
    ),
    "list": Verb(list_, "Who may ask over TCP, since when, and where.", (JSON,)),
    "revoke": Verb(
        revoke,
        "Let somebody ask no more, from this moment on; streams end too.",
        (argument("NAME", "As `token list` shows it."), KEY, JSON),
    ),
}  # fmt: skip
