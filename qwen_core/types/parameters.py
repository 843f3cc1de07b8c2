"""The parameters of a chat request, in one table: what each means, and what each protocol and server calls it.

The encoders, the choice of a protocol, the adaptation to self-hosted servers, the docstrings of the fields of
``ChatQwen`` and ``Qwen`` and ``docs/parameters.md`` all follow from it. To add a parameter: a row here, a field of
``ChatRequest``, a field of ``ChatFields``, and ``python scripts/generate_parameters.py``.

Facts are from the protocol documents: compatible 2 and 2.7, native 3; self-hosted servers: compatible 7.
"""

from typing import Literal

import msgspec

REFUSED = "refused"
"""Not available there: the request is refused before it is sent."""
IGNORED = "ignored"
"""Not available there: the parameter is left out or has no effect."""
SAME = ""
"""Sent there under its own name."""


class Converted(msgspec.Struct, frozen=True):
    """Sent there as this ``field``, in a form that the encoder builds."""

    field: str


Form = str | Converted
"""The name of a parameter on a protocol, dotted if it is in an object; or one of the above."""

ProtocolForm = Literal["openai_chat", "openai_responses", "dashscope"]
Group = Literal["sampling", "thinking", "search", "tools", "media", "self-hosted", "request"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    type               as annotated in ``ChatFields``, without ``None``
    meaning            sentences for the reference
    range              the values that the service documents; not checked here, because the service decides
    sent               False: read by this package alone
    openai_chat        its form on ``POST /chat/completions``
    openai_responses   its form on ``POST /responses``
    dashscope          its form on the native DashScope protocol
    self_hosted        its form on self-hosted servers
    servers            its form on these kinds of self-hosted servers, where it differs from ``self_hosted``
    """

    name: str
    group: Group
    type: str
    meaning: str
    range: str = ""
    sent: bool = True
    openai_chat: Form = SAME
    openai_responses: Form = SAME
    dashscope: Form = SAME
    self_hosted: Form = SAME
    servers: dict[str, Form] = {}

    @property
    def description(self) -> str:
        """Return the meaning with the range."""
        return f"{self.meaning} Range: {self.range}." if self.range else self.meaning

    def form(self, protocol: ProtocolForm) -> Form | None:
        """Return its form on a protocol, with its own name for ``SAME``; None if it is not sent."""
        return self._form(getattr(self, protocol))

    def form_on_server(self, server: str) -> Form | None:
        """Return its form on a self-hosted server, with its own name for ``SAME``; None if it is not sent."""
        return self._form(self.servers.get(server, self.self_hosted))

    def _form(self, form: Form) -> Form | None:
        if not self.sent:
            return None
        return self.name if form == SAME else form


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name="temperature",
        group="sampling",
        type="float",
        meaning="Sampling temperature. Higher values make the output more random.",
        range="[0, 2)",
    ),
    Parameter(
        name="top_p",
        group="sampling",
        type="float",
        meaning="Nucleus sampling: sample from the smallest set of tokens whose probabilities add up to top_p.",
        range="(0, 1]",
    ),
    Parameter(
        name="top_k",
        group="sampling",
        type="int",
        meaning="Number of most probable tokens to sample from. Above 100 there is no such limit.",
        range=">= 0",
        openai_responses=IGNORED,
        servers={"transformers": IGNORED, "ollama": IGNORED},
    ),
    Parameter(
        name="max_tokens",
        group="sampling",
        type="int",
        meaning="Maximum number of tokens of the answer. A longer one ends with the finish reason ``length``.",
        range="1 to the model's maximum",
        openai_responses="max_output_tokens",
    ),
    Parameter(
        name="max_completion_tokens",
        group="sampling",
        type="int",
        meaning="Maximum number of tokens of reasoning and answer together, for the models that support it.",
        openai_responses="max_output_tokens",
        self_hosted=Converted("max_tokens"),
    ),
    Parameter(
        name="stop",
        group="sampling",
        type="list[str] | list[int] | list[list[int]] | str",
        meaning="Stop sequences: the answer ends before any of these texts. Token ids instead of texts are taken "
        "by the older models.",
        openai_responses=IGNORED,
    ),
    Parameter(
        name="seed",
        group="sampling",
        type="int",
        meaning="Seed for sampling. With the same seed, the service repeats its answer as far as it can.",
        range="[0, 2**31 - 1]",
        openai_responses=IGNORED,
    ),
    Parameter(
        name="n",
        group="sampling",
        type="int",
        meaning="Number of choices to generate. Must be 1 when streaming or when tools are given.",
        range="1 to 4",
        openai_responses=REFUSED,
        servers={"transformers": IGNORED, "ollama": IGNORED},
    ),
    Parameter(
        name="presence_penalty",
        group="sampling",
        type="float",
        meaning="Penalty on tokens that have appeared already. Higher values make the output less repetitive.",
        range="[-2, 2]",
        openai_responses=IGNORED,
        servers={"transformers": IGNORED},
    ),
    Parameter(
        name="frequency_penalty",
        group="sampling",
        type="float",
        meaning="Penalty on tokens by their frequency, as in OpenAI's API. The service documents no effect of it.",
        openai_responses=IGNORED,
        dashscope=REFUSED,
    ),
    Parameter(
        name="repetition_penalty",
        group="sampling",
        type="float",
        meaning="Penalty on repetition: 1 means no penalty, and higher values reduce repetition.",
        range="> 0",
        openai_responses=IGNORED,
        servers={"transformers": IGNORED, "llama.cpp": "repeat_penalty", "ollama": IGNORED},
    ),
    Parameter(
        name="logprobs",
        group="sampling",
        type="bool",
        meaning="Whether to return the log probabilities of the output tokens.",
        openai_responses=IGNORED,
        servers={"transformers": IGNORED},
    ),
    Parameter(
        name="top_logprobs",
        group="sampling",
        type="int",
        meaning="Number of most probable tokens to return at each position, with their log probabilities.",
        range="0 to 5",
        openai_responses=IGNORED,
        servers={"transformers": IGNORED},
    ),
    Parameter(
        name="logit_bias",
        group="sampling",
        type="dict[str, float]",
        meaning="Bias by token id. Documented for the character models.",
        range="[-100, 100]",
        openai_responses=IGNORED,
        servers={"ollama": IGNORED},
    ),
    Parameter(
        name="enable_thinking",
        group="thinking",
        type="bool",
        meaning="Whether a hybrid model thinks before it answers.",
        self_hosted="chat_template_kwargs.enable_thinking",
        servers={"ollama": Converted("reasoning_effort")},
    ),
    Parameter(
        name="thinking_budget",
        group="thinking",
        type="int",
        meaning="Maximum number of tokens of reasoning.",
        range="1 to the model's maximum",
        openai_responses=IGNORED,
        self_hosted=IGNORED,
        servers={"vllm": "thinking_token_budget", "llama.cpp": "thinking_budget_tokens"},
    ),
    Parameter(
        name="reasoning_effort",
        group="thinking",
        type="str",
        meaning="Depth of reasoning, for the models that support it: ``low``, ``medium``, ``xhigh`` and others. "
        "Excludes thinking_budget.",
        openai_responses="reasoning.effort",
        servers={"transformers": IGNORED},
    ),
    Parameter(
        name="preserve_thinking",
        group="thinking",
        type="bool",
        meaning="Whether to send the reasoning of earlier turns again.",
        openai_responses=Converted("input"),
        self_hosted="chat_template_kwargs.preserve_thinking",
        servers={"ollama": IGNORED},
    ),
    Parameter(
        name="enable_search",
        group="search",
        type="bool",
        meaning="Whether the service may search the web.",
        openai_responses=Converted("tools"),
        self_hosted=REFUSED,
    ),
    Parameter(
        name="search_options",
        group="search",
        type="SearchOptions",
        meaning="How the service searches, and whether the answer cites its sources.",
        openai_responses=IGNORED,
        self_hosted=IGNORED,
    ),
    Parameter(
        name="enable_text_image_mixed",
        group="search",
        type="bool",
        meaning="Whether the answer may show images that the search found, as HTML.",
        openai_chat=REFUSED,
        openai_responses=IGNORED,
        self_hosted=REFUSED,
    ),
    Parameter(
        name="enable_code_interpreter",
        group="search",
        type="bool",
        meaning="Whether the service may run code for the answer. The model then thinks, and takes no tools.",
        openai_responses=IGNORED,
        self_hosted=REFUSED,
    ),
    Parameter(
        name="tools",
        group="tools",
        type="list[Tool]",
        meaning="Functions that the model may call.",
        openai_chat=Converted("tools"),
        openai_responses=Converted("tools"),
        dashscope=Converted("tools"),
        self_hosted=Converted("tools"),
    ),
    Parameter(
        name="server_tools",
        group="tools",
        type="list[dict[str, Any]]",
        meaning="Built-in tools that the service runs. They are sent over the Responses API.",
        openai_chat=REFUSED,
        openai_responses=Converted("tools"),
        dashscope=REFUSED,
        self_hosted=REFUSED,
    ),
    Parameter(
        name="tool_choice",
        group="tools",
        type="str",
        meaning="``auto``, ``none``, ``required``, or the name of the function that must be called.",
        openai_chat=Converted("tool_choice"),
        openai_responses=Converted("tool_choice"),
        dashscope=Converted("tool_choice"),
        self_hosted=Converted("tool_choice"),
        servers={"transformers": Converted("messages"), "ollama": Converted("messages")},
    ),
    Parameter(
        name="parallel_tool_calls",
        group="tools",
        type="bool",
        meaning="Whether one response may contain several tool calls. The service's default is false.",
        servers={"transformers": IGNORED, "ollama": IGNORED},
    ),
    Parameter(
        name="response_format",
        group="tools",
        type="dict[str, Any]",
        meaning="Format of the answer: JSON, or JSON of a schema.",
        openai_responses=REFUSED,
    ),
    Parameter(
        name="modalities",
        group="media",
        type="list[str]",
        meaning="Output modalities of omni models: ``text``, ``audio``.",
        openai_responses=REFUSED,
    ),
    Parameter(
        name="audio",
        group="media",
        type="dict[str, Any]",
        meaning="Audio output of omni models: ``voice`` and ``format``.",
        openai_responses=REFUSED,
    ),
    Parameter(
        name="vl_high_resolution_images",
        group="media",
        type="bool",
        meaning="Whether images keep more of their resolution, for more tokens.",
        openai_responses=IGNORED,
        self_hosted=REFUSED,
    ),
    Parameter(
        name="ocr_options",
        group="media",
        type="dict[str, Any]",
        meaning="Task of an OCR model: ``task`` and ``task_config``.",
        openai_chat=REFUSED,
        openai_responses=REFUSED,
        self_hosted=REFUSED,
    ),
    Parameter(
        name="asr_options",
        group="media",
        type="dict[str, Any]",
        meaning="Options of speech recognition: ``language`` and ``enable_itn``.",
        openai_responses=REFUSED,
        self_hosted=REFUSED,
    ),
    Parameter(
        name="translation_options",
        group="media",
        type="TranslationOptions",
        meaning="Languages, terms and style for a translation model, whose messages hold the text alone.",
        openai_responses=REFUSED,
        self_hosted=REFUSED,
    ),
    Parameter(
        name="allow_local_files",
        group="media",
        type="bool | list[str]",
        meaning="Whether media given as paths are read from this disk: none, all, or those in these folders.",
        sent=False,
    ),
    Parameter(
        name="allow_private_media_urls",
        group="media",
        type="bool",
        meaning="Whether media URLs of a private network are sent to a self-hosted server; to Alibaba's, never.",
        sent=False,
    ),
    Parameter(
        name="show_progress",
        group="media",
        type="bool",
        meaning="Whether the upload of large files shows a progress bar.",
        sent=False,
    ),
    Parameter(
        name="tool_call_parser",
        group="self-hosted",
        type="ToolCallParserName",
        meaning="Parser for tool calls that a self-hosted server leaves in the text: ``hermes`` reads "
        "``<tool_call>`` blocks.",
        sent=False,
    ),
    Parameter(
        name="reasoning_parser",
        group="self-hosted",
        type="ReasoningParserName",
        meaning="Parser for reasoning that a self-hosted server leaves in the text: ``qwen3``, or "
        "``qwen3-thinking`` if the text begins inside the reasoning, without a tag.",
        sent=False,
    ),
    Parameter(
        name="previous_response_id",
        group="request",
        type="str",
        meaning="Id of a stored response of the Responses API to continue from, valid for 7 days. Only the "
        "messages after the last answer are sent.",
        openai_chat=REFUSED,
        dashscope=REFUSED,
        self_hosted=REFUSED,
    ),
    Parameter(
        name="repair_history",
        group="request",
        type="bool",
        meaning="Whether a conversation that the service would refuse is completed: a missing user message is "
        "added, and media that the model does not read are left out of tool results.",
        sent=False,
    ),
    Parameter(
        name="extra_body",
        group="request",
        type="dict[str, Any]",
        meaning="Fields to merge into the request's body, unchanged. They override all others.",
        sent=False,
    ),
    Parameter(
        name="extra_headers",
        group="request",
        type="dict[str, str]",
        meaning="HTTP headers of this call alone.",
        sent=False,
    ),
)
"""In the order in which they are sent."""


def sent_parameters(protocol: ProtocolForm) -> dict[str, str]:
    """Return the parameters that a protocol takes as they are, with their names there."""
    return {
        parameter.name: form
        for parameter in PARAMETERS
        if isinstance(form := parameter.form(protocol), str) and form not in (REFUSED, IGNORED)
    }


def parameters_with(form: Form, protocol: ProtocolForm) -> tuple[str, ...]:
    """Return the parameters that have this form on a protocol."""
    return tuple(parameter.name for parameter in PARAMETERS if parameter.form(protocol) == form)


def parameters_only_on(protocol: ProtocolForm, *, not_on: ProtocolForm) -> tuple[str, ...]:
    """Return the parameters that one protocol takes and another refuses."""
    refused = parameters_with(REFUSED, protocol)
    return tuple(name for name in parameters_with(REFUSED, not_on) if name not in refused)


def renamed_on_server(server: str) -> dict[str, str]:
    """Return the parameters that a kind of self-hosted server calls by another name, with that name."""
    return {
        parameter.name: form
        for parameter in PARAMETERS
        if isinstance(form := parameter.form_on_server(server), str)
        and form not in (REFUSED, IGNORED, parameter.name)
    }


def ignored_on_server(server: str) -> tuple[str, ...]:
    """Return the parameters that a kind of self-hosted server does not know."""
    return tuple(parameter.name for parameter in PARAMETERS if parameter.form_on_server(server) == IGNORED)


def refused_on_servers() -> tuple[str, ...]:
    """Return the parameters of features that only Alibaba's service has."""
    return tuple(parameter.name for parameter in PARAMETERS if parameter.self_hosted == REFUSED)


def list_parameters() -> tuple[str, ...]:
    """Return the parameters that may be given as a list."""
    return tuple(parameter.name for parameter in PARAMETERS if "list[" in parameter.type)
