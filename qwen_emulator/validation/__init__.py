"""Judging requests as the service does: each rule is a small function, each wire has its list of them."""
