"""Download the results that the service answers with links to: images, speech, transcripts."""

from functools import partial

from qwen_core.config.settings import ClientSettings, resolve_connection
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.retry import Attempts, async_retry
from qwen_core.execution.service_calls import map_service_exception
from qwen_core.protocols.result_links import download_url, expired_link
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.plain import AsyncPlainTransport

MAX_DOWNLOAD = 256 * 1024 * 1024
"""Bytes of one result."""


async def async_download(link: str, settings: ClientSettings, *, max_size: int = MAX_DOWNLOAD) -> HTTPResponse:
    """Download a result without blocking. The key is not sent: the link is signed.

    Raise InvalidResponseError for a link to a host that is not the service's, or a result longer than
    ``max_size``, and NotFoundError for a link that has expired.
    """
    attempts = Attempts(as_timeout(settings.timeout))
    attempt = partial(async_download_once, link, settings, max_size, attempts.deadline.end)
    return await async_retry(attempt, attempts, settings.max_retries)


async def async_download_once(
    link: str, settings: ClientSettings, max_size: int, end: float | None
) -> HTTPResponse:
    """Download a result in one attempt, without blocking."""
    connection = resolve_connection(settings, "dashscope", asynchronous=True)
    url = download_url(link, connection.base_url)
    transport = AsyncPlainTransport(connection)
    try:
        return await transport.send("GET", url, {}, None, end, max_size)
    except HTTPStatusError as error:
        if expired := expired_link(error.response.status, url):
            raise expired from error.__cause__
        raise map_service_exception(error, connection) from error.__cause__
    finally:
        await transport.close()
