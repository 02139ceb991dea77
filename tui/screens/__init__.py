"""The areas of the terminal UI and what opens over them."""
