"""Read models: what has been, as rows that lists and look-ups are answered from. Disposable; refilled from the log."""
