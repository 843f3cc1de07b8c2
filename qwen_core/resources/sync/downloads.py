# Generated from qwen_core/resources/downloads.py by scripts/generate_sync.py: do not edit.
"""Download the results that the service answers with links to: images, speech, transcripts."""

from functools import partial

from qwen_core.config.settings import ClientSettings, resolve_connection
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.retry import Attempts
from qwen_core.execution.service_calls import map_service_exception
from qwen_core.execution.sync.retry import retry
from qwen_core.protocols.result_links import download_url, expired_link
from qwen_core.resources.downloads import MAX_DOWNLOAD
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.sync.plain import PlainTransport


def download(link: str, settings: ClientSettings, *, max_size: int = MAX_DOWNLOAD) -> HTTPResponse:
    """Download a result. The key is not sent: the link is signed.

    Raise InvalidResponseError for a link to a host that is not the service's, or a result longer than
    ``max_size``, and NotFoundError for a link that has expired.
    """
    attempts = Attempts(as_timeout(settings.timeout))
    attempt = partial(download_once, link, settings, max_size, attempts.deadline.end)
    return retry(attempt, attempts, settings.max_retries)


def download_once(link: str, settings: ClientSettings, max_size: int, end: float | None) -> HTTPResponse:
    """Download a result in one attempt."""
    connection = resolve_connection(settings, "dashscope", asynchronous=False)
    url = download_url(link, connection.base_url)
    transport = PlainTransport(connection)
    try:
        return transport.send("GET", url, {}, None, end, max_size)
    except HTTPStatusError as error:
        if expired := expired_link(error.response.status, url):
            raise expired from error.__cause__
        raise map_service_exception(error, connection) from error.__cause__
    finally:
        transport.close()
