"""What people wrote, on disk: settings, packs, pipelines, presets, profiles. Reads fresh, writes whole files."""
