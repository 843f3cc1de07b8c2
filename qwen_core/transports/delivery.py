"""Tell whether a request had reached the service when its connection failed, from the library's exceptions."""

NEVER_SENT = frozenset(
    {
        # httpx and httpx2
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "ProxyError",
        "UnsupportedProtocol",
        "LocalProtocolError",
        "WriteError",
        # aiohttp
        "ClientConnectorError",
        "ClientConnectionResetError",
        "ConnectionTimeoutError",
        # the system
        "gaierror",
        "ConnectionRefusedError",
    }
)
SENT = frozenset({"ServerDisconnectedError", "ClientOSError", "ClientPayloadError"})
"""Of aiohttp: the bridge to httpx calls these a failed connect."""
LONGEST_CHAIN = 16


def was_sent(error: BaseException) -> bool:
    """Return whether the whole request may have been sent, so that the service may be at work, and bill it."""
    names: set[str] = set()
    link: BaseException | None = error
    for _ in range(LONGEST_CHAIN):
        if link is None:
            break
        names.update(kind.__name__ for kind in type(link).__mro__)
        link = link.__cause__ or link.__context__
    if names & SENT and "ClientConnectorError" not in names:
        return True
    return not names & NEVER_SENT
