"""What a person sees: the command line and the terminal screens, both clients of the daemon's socket."""
