"""What the daemon reads off itself: whether anything grows or stands that should not."""

from schema.plans import Plain


class Readings(Plain, frozen=True, kw_only=True):
    memory: int = 0
    """Bytes it occupies now."""
    files: int = 0
    """Open ones, with sockets."""
    files_limit: int = 0
    """More cannot be open; 0: nobody knows."""
    threads: int = 0
    log: int = 0
    """Bytes of the log's file."""
    log_wal: int = 0
    """Bytes of the log's write-ahead file."""
    views_wal: int = 0
    stalls: int = 0
    """How often its loop stood still for more than a fifth of a second."""
    longest_stall: float = 0.0
    """Seconds."""
