# Generated from qwen_core/resources/speech.py by scripts/generate_sync.py: do not edit.
"""Speak texts: as a file, or as audio that arrives while it is spoken. The model's id decides how."""

from collections.abc import Iterator

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import show_warnings
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY, map_in_order
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.speech_plans import api_of_speech, plan_speech
from qwen_core.protocols.speech.audio_files import WavStream
from qwen_core.protocols.speech.synthesis import (
    APIS,
    SpeechDecoder,
    SpeechResult,
    output_format,
)
from qwen_core.resources.decoded_streams import finalize
from qwen_core.resources.speech import (
    MAX_AUDIO,
    KeepingDecoder,
    Part,
    counted_cost,
    joined,
    parts_of,
)
from qwen_core.resources.sync.decoded_streams import DecodedStream, open_decoded, send_decoded
from qwen_core.resources.sync.downloads import download
from qwen_core.transports.blocking import run
from qwen_core.types.errors import InvalidResponseError, QwenError
from qwen_core.types.speech import Speech, SpeechChunk, SpeechRequest


class QwenSpeech:
    """Speaks texts.

    Example:
        >>> request = SpeechRequest(model='qwen3-tts-flash', text='Good morning.', voice='Cherry')
        >>> speech = QwenSpeech(ClientSettings()).synthesize(request)  # doctest: +SKIP
    """

    def __init__(self, settings: ClientSettings, *, workers: int = DEFAULT_CONCURRENCY) -> None:
        """Take settings, and how many parts of a long text are spoken at once."""
        self.settings = settings
        self.workers = workers

    def synthesize(self, request: SpeechRequest) -> Speech:
        """Return the spoken text as one audio file. Raise a QwenError."""
        api = api_of_speech(request, self.settings)
        format = output_format(request, api)
        parts = parts_of(request, APIS[api].limit)
        spoken = map_in_order(self._speak, parts, self.workers)
        return run(joined, request, spoken, format)

    def stream(self, request: SpeechRequest) -> Iterator[SpeechChunk]:
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
            plan = plan_speech(part, self.settings, asynchronous=False, stream=True)
            show_warnings(plan)
            opened: DecodedStream[SpeechDecoder, bytes] = open_decoded(plan, self.settings, SpeechDecoder)
            if wav is not None:
                wav.begin_part()
            began = False
            try:
                for chunk in opened:
                    began = True
                    if data := wav.feed(chunk) if wav is not None else chunk:
                        sent += len(data)
                        yield SpeechChunk(data=data)
                result = finalize(plan, opened.decoder.close)
            finally:
                opened.close()
            if not began:
                content = self._download(result, plan)
                if data := wav.feed(content) if wav is not None else content:
                    sent += len(data)
                    yield SpeechChunk(data=data)
            if wav is not None and (data := wav.end_part()):
                sent += len(data)
                yield SpeechChunk(data=data)
            done.append(Part(result, counted_cost(plan, result)))
        length = wav.seconds(sent) if wav is not None else None
        yield SpeechChunk(speech=joined(request, done, format, length))

    def _speak(self, request: SpeechRequest) -> Part:
        plan = plan_speech(request, self.settings, asynchronous=False)
        show_warnings(plan)
        decoder = send_decoded(plan, self.settings, KeepingDecoder)
        result = finalize(plan, decoder.close)
        data = b"".join(decoder.audio) or self._download(result, plan)
        return Part(result, counted_cost(plan, result), data)

    def _download(self, result: SpeechResult, plan: CallPlan) -> bytes:
        try:
            if result.link is None:
                raise InvalidResponseError("The response has neither audio nor a link to it.")
            response = download(result.link, self.settings, max_size=MAX_AUDIO)
            if not response.body:
                raise InvalidResponseError("The audio behind the link is empty.")
        except QwenError as error:
            error.host, error.model = error.host or plan.host, error.model or plan.model
            error.request_id = error.request_id or result.request_id
            raise
        return response.body
