"""The client's side of the daemon's socket, shared by the command line and the terminal UI."""
