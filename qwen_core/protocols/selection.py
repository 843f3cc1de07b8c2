"""Which wire carries a request."""

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.protocols.base import WireProtocol
from qwen_core.protocols.openai_compatible import OpenAICompatible
from qwen_core.settings import ProtocolName

OPENAI_COMPATIBLE: WireProtocol = OpenAICompatible()


def select_protocol(name: ProtocolName) -> WireProtocol:
    """The wire of that name; ``auto`` means the OpenAI-compatible one."""
    if name == "dashscope":
        raise UnsupportedFeatureError(
            "The native DashScope protocol is not part of this version.",
            hint='Use protocol="openai" or "auto".',
        )
    return OPENAI_COMPATIBLE
