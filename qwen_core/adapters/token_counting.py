"""Count the tokens of a conversation on this machine, for trimming and summarising.

Text is counted by ``qwen_core.models.tokens``, within Qwen's chat template; images, video and audio by the
documents' formulas if the message shows their size, else as media of average size. Nothing is fetched or read.
Billing uses the usage that the service reports, not these counts.
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
PER_RESPONSE = 3
"""``<|im_start|>assistant\\n``, at which the response begins."""

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

# Assumed of media whose size is unknown.
IMAGE = (1024, 1024)
FRAME = (640, 480)
SECONDS = 30.0
PER_DOCUMENT = 1_000
PER_RECORDING = 400

HEAD = 64 * 1024 * 4 // 3
"""The characters of a data URI that are read: metadata may precede the size of a photograph."""


def count_conversation(
    messages: Sequence[Message],
    tools: Sequence[Tool],
    model: str,
    count: CountText,
    *,
    high_resolution: bool = False,
) -> int:
    """Count the tokens of messages and tool definitions, including the beginning of the response.

    Args:
        messages: the conversation.
        tools: the function tools of the request.
        model: the model's name, which decides how media are counted.
        count: count the tokens of a text.
        high_resolution: the request's ``vl_high_resolution_images``.
    """
    media = _Media(model, high_resolution)
    total = PER_RESPONSE + sum(PER_MESSAGE + _count_message(message, count, media) for message in messages)
    if tools:
        total += count(TOOLS.format(tools="\n".join(definition(tool) for tool in tools)))
    return total


def definition(tool: Tool) -> str:
    """Return a tool as the chat template writes it."""
    fields = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return encode_json({"type": "function", "function": fields}).decode()


def _count_message(message: Message, count: CountText, media: "_Media") -> int:
    """Count the tokens of a message. Old reasoning is not counted: as a rule it is not sent again."""
    text = RESULT.format(text=message.text) if message.role == "tool" else message.text
    text += "".join(CALL.format(name=call.name, arguments=call.arguments) for call in message.tool_calls)
    others = (part for part in message.parts if not isinstance(part, TextPart | ReasoningPart | ToolCallPart))
    return count(text) + sum(media.count(part) for part in others)


class _Media:
    """Count the media of one conversation."""

    def __init__(self, model: str, high_resolution: bool) -> None:
        self.model = model
        self.high_resolution = high_resolution

    def count(self, part: Part) -> int:
        if isinstance(part, ImagePart):
            width, height = image_size_of(part.url) or IMAGE
            return image_tokens(
                width, height, self.model, max_pixels=part.max_pixels, high_resolution=self.high_resolution
            )
        if isinstance(part, VideoPart):
            return self._video(part)
        if isinstance(part, AudioPart):
            return audio_tokens(audio_seconds_of(part.url) or SECONDS, self.model) or PER_RECORDING
        return PER_DOCUMENT

    def _video(self, part: VideoPart) -> int:
        if not isinstance(part.url, str) and part.url:
            return video_tokens(*(image_size_of(part.url[0]) or FRAME), len(part.url), self.model)
        limits = {"fps": part.fps, "max_frames": part.max_frames}
        frames = sampled_frames(SECONDS, **{name: limit for name, limit in limits.items() if limit})  # type: ignore[arg-type]
        return video_tokens(*FRAME, frames, self.model)


def image_size_of(url: str) -> tuple[int, int] | None:
    """Return width and height of the image in a data URI, or None if they are unknown."""
    head = inline_head(url)
    size = image_size(head) if head else None
    return size if size and min(size) > 0 else None


def audio_seconds_of(url: str) -> float | None:
    """Return the seconds of the audio in a data URI, or None if it is not a WAV."""
    head = inline_head(url)
    rate = wav_byte_rate(head) if head else None
    return len(url) * 3 / 4 / rate if rate else None


def inline_head(url: str) -> bytes | None:
    """Return the first bytes of a data URI's content; None for every other URL."""
    if url[:5].lower() != "data:":
        return None
    start = url.find(",") + 1
    text = url[start : start + HEAD]
    try:
        return binascii.a2b_base64(text[: len(text) // 4 * 4])
    except binascii.Error:
        return None
