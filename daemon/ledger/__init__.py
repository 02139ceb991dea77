"""The ledger: a mailbox, one writer behind it, and answers that wait for the disk.

Edges import the words of its mail (`daemon.ledger.mail`); who wires takes the writer from here.
"""

from daemon.ledger.mail import Committed, LedgerStopped, Origin
from daemon.ledger.writer import Ledger

__all__ = ["Committed", "Ledger", "LedgerStopped", "Origin"]
