"""JSON and YAML that people wrote, read so that every fault can name file, line and column."""
