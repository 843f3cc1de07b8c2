"""How many tokens a conversation is, counted on this machine, for trimming and summarising.

Text as ``qwen_core.models.tokens`` counts it, within Qwen's chat template; images, video and audio by the
documents' formulas where their size can be seen in the message, and as middling ones where it cannot. Nothing is
fetched or read. What is billed is what the service reports, not this.
"""

import binascii
from collections.abc import Callable, Sequence

from qwen_core.models.tokens import audio_tokens, image_tokens, sampled_frames, video_tokens
from qwen_core.prepare.media_formats import image_size, wav_byte_rate
from qwen_core.types.json import encode_json
from qwen_core.types.messages import (
    AudioPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    VideoPart,
)

CountText = Callable[[str], int]

PER_MESSAGE = 5
"""``<|im_start|>role\\n`` and ``<|im_end|>\\n``."""
PER_ANSWER = 3
"""``<|im_start|>assistant\\n``, where the answer begins."""

# Qwen's chat template around tools, calls and results, as the open models' files have it.
TOOLS = """

# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> \
XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""
CALL = '\n<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'
RESULT = "<tool_response>\n{text}\n</tool_response>"

# What is assumed of media whose size cannot be seen.
IMAGE = (1024, 1024)
FRAME = (640, 480)
SECONDS = 30.0
PER_DOCUMENT = 1_000
PER_RECORDING = 400

HEAD = 64 * 1024 * 4 // 3
"""So much of a data URI is looked at: metadata may stand before the size of a photograph."""


def count_conversation(
    messages: Sequence[Message],
    tools: Sequence[Tool],
    model: str,
    count: CountText,
    *,
    high_resolution: bool = False,
) -> int:
    """Tokens of messages and of the definitions of tools, the beginning of the answer included.

    ``count`` counts text. ``high_resolution`` is the request's ``vl_high_resolution_images``.
    """
    media = _Media(model, high_resolution)
    total = PER_ANSWER + sum(PER_MESSAGE + _count_message(message, count, media) for message in messages)
    if tools:
        total += count(TOOLS.format(tools="\n".join(definition(tool) for tool in tools)))
    return total


def definition(tool: Tool) -> str:
    """A tool as the template writes it."""
    fields = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return encode_json({"type": "function", "function": fields}).decode()


def _count_message(message: Message, count: CountText, media: "_Media") -> int:
    """Tokens of what a message holds. Old reasoning is not counted: as a rule it is not read again."""
    text = RESULT.format(text=message.text) if message.role == "tool" else message.text
    text += "".join(CALL.format(name=call.name, arguments=call.arguments) for call in message.tool_calls)
    others = (part for part in message.parts if not isinstance(part, TextPart | ReasoningPart | ToolCallPart))
    return count(text) + sum(media.count(part) for part in others)


class _Media:
    """Counts the media of one conversation."""

    def __init__(self, model: str, high_resolution: bool) -> None:
        self.model = model
        self.high_resolution = high_resolution

    def count(self, part: Part) -> int:
        if isinstance(part, ImagePart):
            width, height = seen_size(part.url) or IMAGE
            return image_tokens(
                width, height, self.model, max_pixels=part.max_pixels, high_resolution=self.high_resolution
            )
        if isinstance(part, VideoPart):
            return self._video(part)
        if isinstance(part, AudioPart):
            return audio_tokens(heard_seconds(part.url) or SECONDS, self.model) or PER_RECORDING
        return PER_DOCUMENT

    def _video(self, part: VideoPart) -> int:
        if not isinstance(part.url, str) and part.url:
            return video_tokens(*(seen_size(part.url[0]) or FRAME), len(part.url), self.model)
        limits = {"fps": part.fps, "max_frames": part.max_frames}
        frames = sampled_frames(SECONDS, **{name: limit for name, limit in limits.items() if limit})  # type: ignore[arg-type]
        return video_tokens(*FRAME, frames, self.model)


def seen_size(url: str) -> tuple[int, int] | None:
    """Width and height of the picture in a data URI, if they can be seen."""
    head = inline_head(url)
    size = image_size(head) if head else None
    return size if size and min(size) > 0 else None


def heard_seconds(url: str) -> float | None:
    """The length of the recording in a data URI, if it is a WAV."""
    head = inline_head(url)
    rate = wav_byte_rate(head) if head else None
    return len(url) * 3 / 4 / rate if rate else None


def inline_head(url: str) -> bytes | None:
    """The first bytes of a data URI's content; None for every other URL."""
    if url[:5].lower() != "data:":
        return None
    start = url.find(",") + 1
    text = url[start : start + HEAD]
    try:
        return binascii.a2b_base64(text[: len(text) // 4 * 4])
    except binascii.Error:
        return None
