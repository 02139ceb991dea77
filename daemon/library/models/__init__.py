"""Model files on disk: found, read, told apart by content, watched, and listed together with what the nodes have."""
