"""The base of everything that stands in the log: immutable, made with named fields, tagged with its own name."""

import msgspec


class Happened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="type", tag=True):
    pass
