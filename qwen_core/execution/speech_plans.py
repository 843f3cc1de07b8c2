"""Plan calls that transcribe or speak.

Native requests are carried by the same SDK as OpenAI-compatible ones: they are plain JSON with the same key, so
that speech needs no further installation.
"""

import msgspec

from qwen_core.config.endpoints import host_of, region_of
from qwen_core.config.self_hosted import Server
from qwen_core.config.settings import ClientSettings, Connection, connect
from qwen_core.execution.plan import CallPlan, connection_warnings
from qwen_core.models.pricing import Pricing, price_list, unit_cost
from qwen_core.models.profile import ModelProfile, Unit
from qwen_core.models.self_hosted import self_hosted_profile
from qwen_core.protocols.base import EncodedRequest
from qwen_core.protocols.registry import DASHSCOPE_NATIVE, OPENAI_COMPATIBLE, AnyRequest
from qwen_core.protocols.speech.recognition import (
    TASK_APIS,
    RecognitionApi,
    encode_transcription,
    recognition_api,
)
from qwen_core.protocols.speech.synthesis import SynthesisApi, encode_speech, synthesis_api
from qwen_core.protocols.speech.transcripts import ChatDecoder, SentenceDecoder, TranscriptionDecoder
from qwen_core.types.speech import SpeechRequest, TranscriptionRequest
from qwen_core.types.usage import Cost, Usage

CHAT_REGIONS_WITHOUT_TRANSCRIPTION = ("us-east-1",)
"""Regions whose recognition models are on the native protocol only (speech 2)."""


class RecognitionRoute(msgspec.Struct, frozen=True):
    """Where a model transcribes."""

    api: RecognitionApi
    protocol_name: str
    profile: ModelProfile

    @property
    def is_task(self) -> bool:
        """Return whether the model transcribes in tasks."""
        return self.api in TASK_APIS

    @property
    def takes_data_uris(self) -> bool:
        """Return whether audio can be part of the request."""
        return not self.is_task

    @property
    def is_message(self) -> bool:
        """Return whether the limit of a message applies to the audio."""
        return self.api == "chat"

    def decoder(self) -> TranscriptionDecoder:
        """Return a new decoder for one response."""
        if self.api == "chat":
            return ChatDecoder(self.profile.name, native=self.protocol_name == "dashscope")
        return SentenceDecoder(self.profile.name)


def recognition_route(request: TranscriptionRequest, settings: ClientSettings) -> RecognitionRoute:
    """Return where the model of a request transcribes. Raise UnsupportedFeatureError if nowhere."""
    server = settings.self_hosted_server()
    profile = self_hosted_profile(request.model, server)
    if server is not None:
        return RecognitionRoute("chat", "openai", profile)
    api = recognition_api(request, profile)
    native = api != "chat" or profile.native_only or settings.protocol == "dashscope"
    if not native and region_of(settings.endpoint("openai").host) in CHAT_REGIONS_WITHOUT_TRANSCRIPTION:
        native = True
    return RecognitionRoute(api, "dashscope" if native else "openai", profile)


def plan_transcription(
    request: TranscriptionRequest,
    route: RecognitionRoute,
    url: str,
    settings: ClientSettings,
    *,
    asynchronous: bool,
    stream: bool = False,
) -> CallPlan:
    """Plan the call that transcribes, or submits the task."""
    native = route.protocol_name == "dashscope"
    encoded = encode_transcription(
        request, route.api, "dashscope" if native else "openai", url, stream=stream and not route.is_task
    )
    server = settings.self_hosted_server()
    return make_plan(request, route.profile, encoded, settings, server, native, asynchronous, stream)


def plan_speech(
    request: SpeechRequest, settings: ClientSettings, *, asynchronous: bool, stream: bool = False
) -> CallPlan:
    """Plan the call that speaks one text."""
    profile = self_hosted_profile(request.model, settings.self_hosted_server())
    encoded = encode_speech(request, synthesis_api(request, profile), stream=stream)
    # Only the native protocol speaks: ``connect`` refuses a self-hosted server.
    server = settings.self_hosted_server()
    return make_plan(request, profile, encoded, settings, server, True, asynchronous, stream)


def api_of_speech(request: SpeechRequest, settings: ClientSettings) -> SynthesisApi:
    """Return the API that speaks with the model of a request."""
    return synthesis_api(request, self_hosted_profile(request.model, settings.self_hosted_server()))


def make_plan(
    request: AnyRequest,
    profile: ModelProfile,
    encoded: EncodedRequest,
    settings: ClientSettings,
    server: Server | None,
    native: bool,
    asynchronous: bool,
    stream: bool,
) -> CallPlan:
    """Return the plan of an encoded request."""
    connection = connect(settings, "dashscope" if native else "openai", server, asynchronous=asynchronous)
    host = host_of(connection.base_url)
    return CallPlan(
        request=request,
        host=host,
        profile=profile,
        protocol=DASHSCOPE_NATIVE if native else OPENAI_COMPATIBLE,
        connection=carried_by_openai_sdk(connection),
        pricing=Pricing(profile, price_list(host, settings.region)),
        encoded=encoded,
        stream=stream,
        warnings=connection_warnings(connection),
    )


def carried_by_openai_sdk(connection: Connection) -> Connection:
    """Return the connection for the transport of the openai SDK, with the same base URL."""
    return msgspec.structs.replace(connection, protocol="openai")


def cost_of(plan: CallPlan, unit: Unit, quantity: float | None, usage: Usage | None = None) -> Cost | None:
    """Return the cost of seconds or characters, else of tokens; None if the price is unknown."""
    prices = plan.pricing.prices
    if quantity is not None and prices is not None:
        cost = unit_cost(plan.profile, unit, quantity, region=prices.region)
        if cost is not None:
            return cost
    return plan.pricing.cost(usage)
