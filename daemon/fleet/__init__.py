"""The fleet: cards in, orders out. Talks to agents; tells the ledger by observations only."""
