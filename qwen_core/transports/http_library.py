"""Find the HTTP library that a client class comes from: httpx, or httpx2, which openai 3.x stands on."""

import os
import sys
from functools import cache
from ssl import SSLContext
from types import ModuleType
from typing import Any

LIBRARIES = ("httpx", "httpx2")


def http_library(client_class: type) -> ModuleType:
    """Return the HTTP library of a client class. Raise TypeError if it is of another library."""
    for name in LIBRARIES:
        library = sys.modules.get(name)
        if library is not None and issubclass(client_class, (library.Client, library.AsyncClient)):
            return library
    raise TypeError(
        f"http_client and http_async_client must be clients of httpx or httpx2 (got {client_class.__qualname__})."
    )


def ssl_context(http: Any) -> SSLContext:
    """Return the certificates that an HTTP library trusts, read once: it takes 20 ms, for each loop's pool."""
    return _ssl_context(http, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _ssl_context(http: Any, file: str | None, directory: str | None) -> SSLContext:
    context: SSLContext = http.create_ssl_context()
    return context
