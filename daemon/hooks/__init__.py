"""Tells others what has happened: news out of the log, to an address or a command that the settings name."""
