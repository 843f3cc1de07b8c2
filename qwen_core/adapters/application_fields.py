"""The fields of the frameworks' models over applications, and their conversion for the core."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from pydantic import Field

from qwen_core.adapters.fields import ConnectionFields
from qwen_core.types.applications import ApplicationApi, ApplicationRequest, FlowStreamMode
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.json import encode_json
from qwen_core.types.messages import Message

TUPLES = ("files", "session_files")


class ApplicationFields(ConnectionFields):
    """The parameters of a call of an application. ``None``: not sent, so that its own setting applies."""

    app_id: str
    """Id of the application, or of a knowledge chat service (``aid-...``)."""
    api: ApplicationApi = "auto"
    """API of the application: ``completion``, ``responses``, or ``knowledge`` for chat services. ``auto`` means
    ``knowledge`` for ids that begin with ``aid-``, else ``completion``."""
    session_id: str | None = None
    """Session to continue, from an earlier response: only new messages are sent. Valid for an hour."""
    use_previous_session: bool = False
    """Whether to continue the session of the last response in the messages, if it has one."""
    biz_params: dict[str, Any] | None = Field(default=None, exclude=True, repr=False)
    """Variables of a workflow or a prompt, and parameters of plugins: ``user_prompt_params``,
    ``user_defined_params``, ``user_defined_tokens``. Not shown or stored with the model: it may have tokens."""
    memory_id: str | None = None
    """Id of the long-term memory."""
    files: list[str] | None = None
    """URLs of files that an agent may read."""
    has_thoughts: bool | None = None
    """Whether the response has the steps of the application: searches, calls of plugins."""
    flow_stream_mode: FlowStreamMode | None = None
    """What the stream of a workflow has: ``full_thoughts``, ``message_format`` or ``message_format_plus``."""
    model_id: str | None = None
    """Model to use instead of the application's."""
    enable_thinking: bool | None = None
    """Whether the model thinks before it answers."""
    rag_options: dict[str, Any] | None = None
    """Knowledge bases of an agent: ``pipeline_ids`` (required), ``file_ids``, ``metadata_filter``, ``tags``,
    ``structured_filter``, ``session_file_ids``."""
    enable_web_search: bool | None = None
    """Whether the application may search the web."""
    enable_system_time: bool | None = None
    """Whether the application knows the time. The service's default is true."""
    dialog_round: int | None = None
    """Number of turns of the session that the application remembers."""
    temperature: float | None = None
    """Sampling temperature. Higher values make the output more random."""
    top_p: float | None = None
    """Nucleus sampling."""
    top_k: int | None = None
    """Number of most probable tokens to sample from."""
    seed: int | None = None
    """Seed for sampling."""
    session_files: list[str] | None = None
    """Ids of files of the session, for a knowledge chat service."""
    extra_body: dict[str, Any] | None = None
    """Fields to merge into the request's body, unchanged. They override all others."""

    def application_request(
        self, messages: Sequence[Message], overrides: Mapping[str, Any], previous_session: str | None = None
    ) -> ApplicationRequest:
        """Return the request for these fields and one call's own arguments, which override them.

        ``previous_session`` is that of the last response in the messages. Raises UnsupportedFeatureError for
        unknown arguments: they would be lost.
        """
        unknown = overrides.keys() - REQUEST_FIELDS
        if unknown:
            raise UnsupportedFeatureError(
                f"Unknown argument(s) {', '.join(sorted(unknown))}.",
                hint="Applications have their own parameters. Use extra_body={...} for those without a name here.",
            )
        values = {name: getattr(self, name) for name in REQUEST_FIELDS if name in ApplicationFields.model_fields}
        values |= overrides
        values |= {name: tuple(values.get(name) or ()) for name in TUPLES}
        values["extra_body"] = {**(self.extra_body or {}), **(overrides.get("extra_body") or {})} or None
        values["app_id"] = values["app_id"] or self.app_id
        if not values["session_id"] and self.use_previous_session:
            values["session_id"] = previous_session
        return ApplicationRequest(messages=tuple(messages), **values)

    def identifying_params(self) -> dict[str, Any]:
        """Return the parameters that are set, for caches and traces. A hash stands for ``biz_params``."""
        values = {name: getattr(self, name) for name in REQUEST_FIELDS if name in ApplicationFields.model_fields}
        if self.biz_params is not None:
            values["biz_params"] = sha256(encode_json(self.biz_params)).hexdigest()
        return {name: value for name, value in sorted(values.items()) if value is not None}


REQUEST_FIELDS = frozenset(ApplicationRequest.__struct_fields__) - {"messages"}
