"""What a person reads when an agent goes no further: what happened, and what to do about it."""

from typing import Literal

from daemon.fleet.trust.calls import PairRefused, foreign, paired
from schema.pairing import PAIRING, Denied


def denied(address: str, why: Denied) -> PairRefused:
    match why.reason:
        case "paired":
            return paired(address)
        case "locked":
            return locked(address, why.seconds)
        case "busy":
            return PairRefused(
                "busy",
                f"somebody else is just pairing with the agent at {address}.",
                remedy="If that is not you, look at its terminal, which names the address; try again in ten seconds.",
            )
        case "taken":
            return PairRefused(
                "denied",
                f"the agent at {address} is used by the daemon of its own machine.",
                remedy="Stop that daemon, and try again.",
            )
        case "token":
            return PairRefused(
                "secret",
                f"the agent at {address} waits for the daemon that made its token, and this is another one.",
                remedy="Start it with a token of this daemon (`stablenew node invite`, `stablenew agent join TOKEN`).",
            )
        case "wrong":
            return wrong(address, "code", why.tries, why.seconds)
        case "nothing":
            return PairRefused("denied", f"the agent at {address} did not wait any longer.", remedy="Try again.")
        case "disk":
            return PairRefused(
                "denied",
                f"the agent at {address} could not store this daemon's certificate.",
                remedy="Make room on its disk, and try again.",
            )
        case "version":
            return PairRefused(
                "version",
                f"the agent at {address} pairs by another version than this daemon ({PAIRING}).",
                remedy="Install the same release of stablenew on both machines.",
            )
        case "content":
            return foreign(address, "it does not understand this daemon")


def wrong(address: str, secret: Literal["code", "token"], left: int | None, seconds: float) -> PairRefused:
    """`left`: tries; None: it did not say."""
    sentence = (
        f"the {secret} is not the one of the agent at {address}, or somebody stands between the two machines. "
        "Nothing was given away."
    )
    if seconds > 0:
        remedy = f"That was the last try: wait {seconds:.0f} s, and use the new code that it shows then."
    elif left:
        tries = "1 try is" if left == 1 else f"{left} tries are"
        remedy = f"{tries} left. Read the code on its terminal again; it changes every ten minutes."
    else:
        remedy = "Read the code on its terminal again; it changes every ten minutes."
    return PairRefused("secret", sentence, remedy=remedy)


def locked(address: str, seconds: float) -> PairRefused:
    return PairRefused(
        "locked",
        f"the agent at {address} takes no pairing for another {max(1.0, seconds):.0f} s, as too many tries were wrong.",
        remedy="Wait, and use the new code that it shows then. If it was not you, its terminal names who tried.",
    )


def other_version(address: str, version: int) -> PairRefused:
    older, newer = "Install a newer stablenew on its machine.", "Install a newer stablenew on the daemon's machine."
    return PairRefused(
        "version",
        f"the agent at {address} pairs by version {version}, this daemon by {PAIRING}.",
        remedy=older if version < PAIRING else newer,
    )
