"""Records going out and coming in: files of records, the bundle for a language model, what other programs kept."""
