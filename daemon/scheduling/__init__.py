"""Where the next stage goes, and when: pure, on plain values handed in by the core."""
