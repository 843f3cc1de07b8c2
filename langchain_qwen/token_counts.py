"""How many tokens a conversation is, counted on this machine, for trimming and summarising.

Text as ``qwen_core.tokens`` counts it. What surrounds a message in Qwen's chat template is known; what a picture
or a recording of unknown size costs is not, and is set to a middling figure.
"""

from collections.abc import Sequence

import msgspec

from qwen_core.messages import Message, ReasoningPart, TextPart, Tool, ToolCallPart
from qwen_core.tokens import count_tokens

PER_MESSAGE = 5
"""``<|im_start|>role\\n`` and ``<|im_end|>\\n``."""
PER_ANSWER = 3
PER_MEDIA = 1_000


def count_conversation(messages: Sequence[Message], tools: Sequence[Tool], model: str) -> int:
    """Tokens of messages and of the definitions of tools."""
    total = PER_ANSWER + sum(PER_MESSAGE + count_message(message, model) for message in messages)
    return total + sum(count_tokens(msgspec.json.encode(tool).decode(), model) for tool in tools)


def count_message(message: Message, model: str) -> int:
    """Tokens of what a message holds. Old reasoning is not counted: as a rule it is not sent again."""
    total = 0
    for part in message.parts:
        if isinstance(part, TextPart):
            total += count_tokens(part.text, model)
        elif isinstance(part, ToolCallPart):
            total += count_tokens(f"{part.name}{part.arguments}", model) + PER_MESSAGE
        elif not isinstance(part, ReasoningPart):
            total += PER_MEDIA
    return total
