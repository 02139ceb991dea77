"""Changes a pack's text and leaves everything that was not meant as it is: dialect, comments, order, line ends."""
