"""How a request is carried out: attempts, batches, limits, logs, and what blocks. Used by the clients."""
