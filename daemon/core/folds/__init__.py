"""The fold, one file per noun; `daemon.core.apply` is the way in."""
