"""Loads numpy with one thread for its algebra."""

import os

THREADS = "OPENBLAS_NUM_THREADS"


def load() -> None:
    """To be called before anything else imports numpy, which asks the environment once.

    The statistics' matrices are small: threads cost more than they bring, much more beside other work. And sums that
    are cut up by the number of cores would give other last digits on another machine.
    """
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    import numpy  # noqa: F401

    if before is None:
        del os.environ[THREADS]  # not for the children: a backend there may want all cores
    else:
        os.environ[THREADS] = before
