"""Upload media too large for a message to the service's temporary store: ``oss://`` URLs that live 48 hours.

The documented plain protocol (native 4.3): request a policy, send a form with the file to the host that the policy
names, and put ``oss://<key>`` in the message. Not the SDK's function for it, which blocks, opens whatever path it
is given, takes two files of one name for the same, knows neither the user's HTTP client nor progress, and logs
what it was given. The key goes to the service alone, never to the store.
"""

import re
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote, urlsplit

import msgspec

from qwen_core.config.endpoints import host_of
from qwen_core.config.settings import ClientSettings, Connection, resolve_connection
from qwen_core.execution.service_calls import key_headers
from qwen_core.prepare.local_files import SentFile
from qwen_core.protocols.error_decoding import decode_error, invalid_response
from qwen_core.transports.base import HTTPStatusError
from qwen_core.transports.blocking import async_run
from qwen_core.transports.multipart import Content, Form
from qwen_core.transports.plain import AsyncPlainTransport
from qwen_core.transports.progress import OnDone, upload_bar
from qwen_core.types.errors import InvalidResponseError, QwenError


class Policy(msgspec.Struct, frozen=True):
    """Permission to put files into one folder of the store for five minutes."""

    policy: str
    signature: str
    upload_dir: str
    upload_host: str
    oss_access_key_id: str
    x_oss_object_acl: str = "private"
    x_oss_forbid_overwrite: str = "true"


class PolicyResponse(msgspec.Struct, frozen=True):
    """The response of ``uploads?action=getPolicy``."""

    data: Policy


_decode_policy = msgspec.json.Decoder(PolicyResponse).decode


def policy_url(connection: Connection, model: str) -> str:
    """Return the URL of the policy, which belongs to one model."""
    return f"{connection.base_url}/uploads?action=getPolicy&model={quote(model, safe='')}"


def read_policy(payload: bytes, connection: Connection) -> Policy:
    """Decode the policy. Raise if it names a host on plain HTTP, unless the service itself is reached that way."""
    try:
        policy = _decode_policy(payload).data
        scheme = urlsplit(policy.upload_host).scheme
    except (ValueError, msgspec.MsgspecError) as reason:
        raise invalid_response(payload, reason) from reason
    if scheme not in ("https", urlsplit(connection.base_url).scheme):
        raise InvalidResponseError(
            "The service returned an upload host without encryption; nothing was sent to it."
        )
    return policy


def object_key(policy: Policy, file: SentFile, position: int) -> str:
    """Return the key of a file in the store. It has a number, because two files may have one name."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", file.name).lstrip(".") or "file"
    return f"{policy.upload_dir}/{position}-{name[-100:]}"


def store_form(policy: Policy, key: str, file: SentFile, content: Content, on_sent: OnDone | None) -> Form:
    """Return the form for the store. The policy's signature covers these fields."""
    fields = {
        "OSSAccessKeyId": policy.oss_access_key_id,
        "Signature": policy.signature,
        "policy": policy.policy,
        "key": key,
        "x-oss-object-acl": policy.x_oss_object_acl,
        "x-oss-forbid-overwrite": policy.x_oss_forbid_overwrite,
        "success_action_status": "200",
        "x-oss-content-type": file.mime_type,
    }
    return Form(fields, file.name, content, file.size, on_sent)


def map_upload_exception(error: QwenError | HTTPStatusError, connection: Connection, model: str) -> QwenError:
    """Return the error to raise for what a transport raised."""
    if isinstance(error, HTTPStatusError):
        error = decode_error(error.response.status, error.response.body, dict(error.response.headers))
    error.host = error.host or host_of(connection.base_url)
    error.model = error.model or model
    return error


def total_size(files: Mapping[str, SentFile]) -> int:
    """Return the bytes of all files."""
    return sum(file.size for file in files.values())


class AsyncTemporaryStore:
    """Puts files into the store without blocking."""

    def __init__(self, settings: ClientSettings) -> None:
        self._connection = resolve_connection(settings, "dashscope", asynchronous=True)

    async def put(
        self, files: Mapping[str, SentFile], model: str, *, show_progress: bool = False
    ) -> dict[str, str]:
        """Upload the files and return their URLs by the same keys. Raise a QwenError if it fails."""
        connection = self._connection
        transport = AsyncPlainTransport(connection)
        try:
            response = await transport.send("GET", policy_url(connection, model), key_headers(connection))
            policy = read_policy(response.body, connection)
            urls: dict[str, str] = {}
            with upload_bar(total_size(files), show_progress) as on_sent:
                for position, (name, file) in enumerate(files.items()):
                    key = object_key(policy, file, position)
                    with closing(Content(file.open)) as content:
                        await async_run(content.open)
                        form = store_form(policy, key, file, content, on_sent)
                        await transport.send("POST", policy.upload_host, {}, form)
                    urls[name] = f"oss://{key}"
            return urls
        except (QwenError, HTTPStatusError) as error:
            raise map_upload_exception(error, connection, model) from error.__cause__
        finally:
            await transport.close()
