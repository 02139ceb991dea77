"""The pure heart: state, apply, decide, settle, look. No IO, clock, randomness, asyncio or logging."""
