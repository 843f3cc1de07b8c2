"""Validate requests as the service does: each rule is a small function, each protocol has a list of them."""
