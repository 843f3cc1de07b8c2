"""Speak texts: as a file, or as audio that arrives while it is spoken. The model's id decides how."""

from collections.abc import AsyncGenerator, Sequence

import msgspec

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import show_warnings
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY, async_map_in_order
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.speech_plans import api_of_speech, cost_of, plan_speech
from qwen_core.execution.usage_meter import record_usage
from qwen_core.protocols.speech.audio_files import WavStream, duration, is_wav, join_files
from qwen_core.protocols.speech.division import divide_text
from qwen_core.protocols.speech.payloads import Payload
from qwen_core.protocols.speech.synthesis import (
    APIS,
    MIME_TYPES,
    SpeechDecoder,
    SpeechResult,
    check_text,
    output_format,
)
from qwen_core.resources.decoded_streams import (
    AsyncDecodedStream,
    async_open_decoded,
    async_send_decoded,
    finalize,
)
from qwen_core.resources.downloads import async_download
from qwen_core.transports.blocking import async_run
from qwen_core.types.errors import InvalidResponseError, QwenError
from qwen_core.types.speech import Speech, SpeechChunk, SpeechRequest, Word
from qwen_core.types.usage import Cost, Usage, usage_from_counts

MAX_AUDIO = 256 * 1024 * 1024
"""Bytes of the audio of one text: hours of WAV."""
SUMMED = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "text_tokens",
    "output_audio_tokens",
    "output_text_tokens",
)


def parts_of(request: SpeechRequest, limit: int) -> list[SpeechRequest]:
    """Return one request for each part of the text. SSML cannot be divided."""
    check_text(request.text)
    if request.enable_ssml or len(request.text) <= limit:
        return [request]
    parts = divide_text(request.text, limit)
    check_text("".join(parts))
    return [msgspec.structs.replace(request, text=part) for part in parts]


def summed_usage(results: Sequence[SpeechResult]) -> Usage | None:
    """Return the tokens of all parts; None if the service did not count them."""
    usages = [result.usage for result in results if result.usage is not None]
    if not usages:
        return None
    counts = {name: [getattr(usage, name) for usage in usages] for name in SUMMED}
    return usage_from_counts(
        raw=usages[-1].raw if len(usages) == 1 else {},
        cache_type=None,
        plugins=None,
        **{name: sum(values) for name, values in counts.items() if None not in values},
    )


def summed_cost(costs: Sequence[Cost | None]) -> Cost | None:
    """Return the cost of all parts; None if that of one is unknown."""
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) != len(costs):
        return None
    return msgspec.structs.replace(
        known[0],
        input=sum(cost.input for cost in known),
        output=sum(cost.output for cost in known),
        total=sum(cost.total for cost in known),
    )


def counted_cost(plan: CallPlan, result: SpeechResult) -> Cost | None:
    """Return the cost of one part, and count it."""
    cost = cost_of(plan, "character", result.characters, result.usage)
    record_usage(plan.model, result.usage.total_tokens if result.usage else None, cost)
    return cost


def shifted(words: Sequence[Word], seconds: float) -> list[Word]:
    """Return words with times that count from the beginning of the whole audio."""
    return [
        msgspec.structs.replace(
            word,
            start=None if word.start is None else word.start + seconds,
            end=None if word.end is None else word.end + seconds,
        )
        for word in words
    ]


class Part(msgspec.Struct, frozen=True):
    """One part of a text, spoken."""

    result: SpeechResult
    cost: Cost | None
    data: bytes = b""


def joined(request: SpeechRequest, parts: Sequence[Part], format: str, length: float | None = None) -> Speech:
    """Return the parts as one audio file."""
    results = [part.result for part in parts]
    data = join_files([part.data for part in parts], format) if any(part.data for part in parts) else b""
    characters = [result.characters for result in results]
    words: list[Word] = []
    before = 0.0
    for part in parts:
        words += shifted(part.result.words, before)
        before += duration(part.data, format) or max([word.end or 0.0 for word in part.result.words], default=0.0)
    return Speech(
        data=data,
        mime_type="audio/wav" if is_wav(data) else MIME_TYPES[format],
        model=request.model,
        characters=None if None in characters else sum(count or 0 for count in characters),
        duration=duration(data, format) if data else length,
        words=tuple(words),
        usage=summed_usage(results),
        cost=summed_cost([part.cost for part in parts]),
        request_ids=tuple(result.request_id for result in results if result.request_id),
    )


class AsyncQwenSpeech:
    """Speaks texts without blocking.

    Example:
        >>> request = SpeechRequest(model='qwen3-tts-flash', text='Good morning.', voice='Cherry')
        >>> speech = await AsyncQwenSpeech(ClientSettings()).synthesize(request)  # doctest: +SKIP
    """

    def __init__(self, settings: ClientSettings, *, workers: int = DEFAULT_CONCURRENCY) -> None:
        """Take settings, and how many parts of a long text are spoken at once."""
        self.settings = settings
        self.workers = workers

    async def synthesize(self, request: SpeechRequest) -> Speech:
        """Return the spoken text as one audio file. Raise a QwenError."""
        api = api_of_speech(request, self.settings)
        format = output_format(request, api)
        parts = parts_of(request, APIS[api].limit)
        spoken = await async_map_in_order(self._speak, parts, self.workers)
        return await async_run(joined, request, spoken, format)

    async def stream(self, request: SpeechRequest) -> AsyncGenerator[SpeechChunk, None]:
        """Yield audio as it arrives. Raise a QwenError.

        The chunks together are a file, whose WAV header does not know its length. The last one has what was used.
        Parts of a long text follow each other.
        """
        api = api_of_speech(request, self.settings)
        format = output_format(request, api)
        wav = WavStream(with_header=format == "wav") if format in ("wav", "pcm") else None
        done: list[Part] = []
        sent = 0
        for part in parts_of(request, APIS[api].limit):
            plan = plan_speech(part, self.settings, asynchronous=True, stream=True)
            show_warnings(plan)
            opened: AsyncDecodedStream[SpeechDecoder, bytes] = await async_open_decoded(
                plan, self.settings, SpeechDecoder
            )
            if wav is not None:
                wav.begin_part()
            began = False
            try:
                async for chunk in opened:
                    began = True
                    if data := wav.feed(chunk) if wav is not None else chunk:
                        sent += len(data)
                        yield SpeechChunk(data=data)
                result = finalize(plan, opened.decoder.close)
            finally:
                await opened.close()
            if not began:
                content = await self._download(result, plan)
                if data := wav.feed(content) if wav is not None else content:
                    sent += len(data)
                    yield SpeechChunk(data=data)
            if wav is not None and (data := wav.end_part()):
                sent += len(data)
                yield SpeechChunk(data=data)
            done.append(Part(result, counted_cost(plan, result)))
        length = wav.seconds(sent) if wav is not None else None
        yield SpeechChunk(speech=joined(request, done, format, length))

    async def _speak(self, request: SpeechRequest) -> Part:
        plan = plan_speech(request, self.settings, asynchronous=True)
        show_warnings(plan)
        decoder = await async_send_decoded(plan, self.settings, KeepingDecoder)
        result = finalize(plan, decoder.close)
        data = b"".join(decoder.audio) or await self._download(result, plan)
        return Part(result, counted_cost(plan, result), data)

    async def _download(self, result: SpeechResult, plan: CallPlan) -> bytes:
        try:
            if result.link is None:
                raise InvalidResponseError("The response has neither audio nor a link to it.")
            response = await async_download(result.link, self.settings, max_size=MAX_AUDIO)
            if not response.body:
                raise InvalidResponseError("The audio behind the link is empty.")
        except QwenError as error:
            error.host, error.model = error.host or plan.host, error.model or plan.model
            error.request_id = error.request_id or result.request_id
            raise
        return response.body


class KeepingDecoder(SpeechDecoder):
    """A decoder that keeps the audio, if a response holds it although it was not asked to stream."""

    def __init__(self) -> None:
        super().__init__()
        self.audio: list[bytes] = []

    def feed(self, payload: Payload) -> list[bytes]:
        """Return the audio in a payload, and keep it."""
        chunks = super().feed(payload)
        self.audio += chunks
        return chunks
