"""What can be wrong with a log, as sentences a person can act on."""


class Unusable(Exception):
    """A log that cannot be opened: a sentence, where, and the remedy, as in `schema.errors.Refused`. Exit code 1."""

    def __init__(self, sentence: str, *, where: str, remedy: str) -> None:
        self.sentence = sentence
        self.where = where
        self.remedy = remedy
        super().__init__(f"{where}: {sentence} {remedy}" if where else f"{sentence} {remedy}")


class LogDamaged(Unusable):
    """The log is not what was promised. Nothing was changed; it may be read, never written.

    `ends_at` is the last good seq, `promised` the newest seq anybody was told of, `findings` one sentence each.
    """

    def __init__(self, findings: tuple[str, ...], *, where: str, ends_at: int, promised: int) -> None:
        self.findings = findings
        self.ends_at = ends_at
        self.promised = promised
        more = f" (and {len(findings) - 3} findings more)" if len(findings) > 3 else ""
        super().__init__(
            "; ".join(findings[:3]) + more + ".",
            where=where,
            remedy="Run `stablenew log recover`: it changes nothing, and tells what can be had again, also of backups. "
            f"Without any it is `stablenew log recover --accept-loss {self.lost}`.",
        )

    @property
    def lost(self) -> int:
        """How many events `log recover` would give up if no backup reached further."""
        return max(0, self.promised - self.ends_at)


class LogFromNewer(Unusable):
    """A newer stablenew wrote this log, or events this version does not know. Nothing is dropped or guessed."""

    def __init__(self, sentence: str, *, where: str = "", readable: int = 0) -> None:
        """`readable`: the last event before the first that cannot be read."""
        self.readable = readable
        super().__init__(
            sentence,
            where=where,
            remedy="Install the version of stablenew that wrote it (or a newer one) and start again.",
        )


class LogBroken(Exception):
    """A commit failed. This log takes nothing more in this process; what was told before is on disk (exit code 74)."""


class LogFull(LogBroken):
    """For want of room: nothing of the commit is on disk. Opened anew, the log goes on as soon as there is some."""


class LogGone(LogBroken):
    """Its folder can only be read, or is not where it was. Opened anew, the log goes on when it is back."""
