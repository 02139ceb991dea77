"""Prompts as other programs write them: each read into one tree, and written from it, with what gets lost told."""
