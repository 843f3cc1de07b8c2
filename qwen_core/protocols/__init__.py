"""The protocols: pure functions between requests, bytes and events. Nothing here does I/O."""
