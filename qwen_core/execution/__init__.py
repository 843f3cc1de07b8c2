"""Plan a call and carry it out: exchange, retries, batches, rate limits, observers."""
