# Generated from qwen_core/resources/uploads.py by scripts/generate_sync.py: do not edit.
"""Upload media too large for a message to the service's temporary store: ``oss://`` URLs that live 48 hours."""

from collections.abc import Mapping
from contextlib import closing

from qwen_core.config.settings import ClientSettings, resolve_connection
from qwen_core.execution.service_calls import key_headers
from qwen_core.prepare.local_files import SentFile
from qwen_core.resources.uploads import (
    map_upload_exception,
    object_key,
    policy_url,
    read_policy,
    store_form,
    total_size,
)
from qwen_core.transports.base import HTTPStatusError
from qwen_core.transports.blocking import run
from qwen_core.transports.multipart import Content
from qwen_core.transports.progress import upload_bar
from qwen_core.transports.sync.plain import PlainTransport
from qwen_core.types.errors import QwenError


class TemporaryStore:
    """Puts files into the store."""

    def __init__(self, settings: ClientSettings) -> None:
        self._connection = resolve_connection(settings, "dashscope", asynchronous=False)

    def put(self, files: Mapping[str, SentFile], model: str, *, show_progress: bool = False) -> dict[str, str]:
        """Upload the files and return their URLs by the same keys. Raise a QwenError if it fails."""
        connection = self._connection
        transport = PlainTransport(connection)
        try:
            response = transport.send("GET", policy_url(connection, model), key_headers(connection))
            policy = read_policy(response.body, connection)
            urls: dict[str, str] = {}
            with upload_bar(total_size(files), show_progress) as on_sent:
                for position, (name, file) in enumerate(files.items()):
                    key = object_key(policy, file, position)
                    with closing(Content(file.open)) as content:
                        run(content.open)
                        form = store_form(policy, key, file, content, on_sent)
                        transport.send("POST", policy.upload_host, {}, form)
                    urls[name] = f"oss://{key}"
            return urls
        except (QwenError, HTTPStatusError) as error:
            raise map_upload_exception(error, connection, model) from error.__cause__
        finally:
            transport.close()
