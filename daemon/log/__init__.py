"""The log: the one truth on disk, its checks, snapshots and repair. Knows SQLite and files, no other folder."""
