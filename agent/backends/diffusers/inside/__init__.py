"""The part of the diffusers backend that runs in its own process and imports torch."""
