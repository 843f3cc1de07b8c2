"""The only importers of the two SDKs: they carry bytes to the service and back, and know no message."""
