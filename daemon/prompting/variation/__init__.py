"""Places to vary in a prompt: found, counted, sampled evenly and drawn by streams. Text in, variants out."""
