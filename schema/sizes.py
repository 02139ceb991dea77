"""Bytes as a person reads them."""


def size(count: float) -> str:
    """`812 B`, `1.4 MB`: powers of a thousand."""
    amount, unit = float(count), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, bigger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
