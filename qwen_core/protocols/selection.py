"""Which wire carries a request."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import WireProtocol
from qwen_core.protocols.dashscope_native import DashScopeNative
from qwen_core.protocols.openai_compatible import OpenAICompatible
from qwen_core.request import ChatRequest
from qwen_core.settings import ProtocolName

OPENAI_COMPATIBLE: WireProtocol = OpenAICompatible()
DASHSCOPE_NATIVE: WireProtocol = DashScopeNative()

EXTRA = 'pip install "qwen-integrations[dashscope]"'

# Keys of ``search_options`` that ask for what only native answers hold or do (compatible 2.4, native 3.1).
NATIVE_SEARCH_OPTIONS = (
    "enable_source",
    "enable_citation",
    "citation_format",
    "prepend_search_result",
    "freshness",
    "assigned_site_list",
    "intention_options",
)


class Selection(NamedTuple):
    """A wire, and what its choice costs the caller."""

    protocol: WireProtocol
    warnings: tuple[str, ...] = ()


def select_protocol(name: ProtocolName, profile: ModelProfile, request: ChatRequest | None = None) -> Selection:
    """The wire of that name.

    ``auto`` means the OpenAI-compatible one, unless the request asks for what only the native one has and the
    dashscope SDK is installed. What is lost on the OpenAI-compatible wire is said in warnings; what cannot be sent
    at all its encoder refuses.
    """
    if name == "dashscope":
        return Selection(DASHSCOPE_NATIVE)
    losses = list(losses_without_native(profile, request))
    if name == "auto" and losses and not profile.compatible_only and sdk_is_installed():
        return Selection(DASHSCOPE_NATIVE)
    remedy = f"Install the dashscope SDK: {EXTRA}" if name == "auto" else 'Use protocol="dashscope" or "auto".'
    return Selection(OPENAI_COMPATIBLE, tuple(f"{loss} {remedy}" for loss in losses))


def losses_without_native(profile: ModelProfile, request: ChatRequest | None) -> Iterator[str]:
    """What of this request only the native wire has."""
    if profile.native_only:
        yield f"{profile.name} is documented for the native protocol alone; the other one may refuse it."
    if request is None:
        return
    if request.ocr_options is not None:
        yield "ocr_options cannot be sent over the OpenAI-compatible protocol."
    options = request.search_options or {}
    for option in NATIVE_SEARCH_OPTIONS if request.enable_search else ():
        if options.get(option):
            yield f"{option} in search_options has no effect over the OpenAI-compatible protocol."


def sdk_is_installed() -> bool:
    """Whether the native wire has its SDK. Looks, and imports nothing."""
    try:
        return find_spec("dashscope") is not None
    except (ImportError, ValueError):
        return False
