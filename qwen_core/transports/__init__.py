"""Carry bytes to the service and back. Only these modules import the two SDKs; none of them knows a message."""
