"""Prepare requests: rewrite them into ones that the model, feature or server supports, and warn of changes."""
