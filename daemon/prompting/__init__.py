"""From what people wrote to plans: packs, pipelines, presets, settings on the command line. Pure."""
