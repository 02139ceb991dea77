"""What an order is answered that is not taken."""

from schema.orders import Accepted


def refused(reason: str) -> Accepted:
    return Accepted(state="refused", reason=reason)


def given_back(reason: str) -> Accepted:
    """Nothing is wrong with the order itself."""
    return Accepted(state="refused", reason=reason, again=True)


def busy(reason: str) -> Accepted:
    return Accepted(state="busy", reason=reason)
