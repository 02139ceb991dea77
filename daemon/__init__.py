"""The coordinator: the log, its one writer, the state folded from it, and the edges around them."""
