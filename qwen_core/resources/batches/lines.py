"""Turn requests into the files of a batch, without I/O beyond reading local media.

Each request is encoded as a call of its own would be, and read as one. All requests of a file are for one model
and either think or do not, as the service wants it; within a file they stand in the caller's order.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import show_warnings
from qwen_core.execution.plan import CallPlan, plan_chat
from qwen_core.models.catalogue import resolve
from qwen_core.models.context_limit import check_length, documented_limit
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.documents import documents_to_upload
from qwen_core.prepare.media import prepare_media
from qwen_core.resources.batches.schema import NewLine
from qwen_core.types.errors import QwenError, UnsupportedFeatureError
from qwen_core.types.messages import has_media
from qwen_core.types.requests import ChatRequest
from qwen_core.types.warnings import warn

CHAT_PATH = "/chat/completions"
BATCH_WINDOW = 262_144
"""Context limit of a request in a batch, in tokens, also if the model takes more elsewhere."""

_encode = msgspec.json.Encoder().encode


class Limits(NamedTuple):
    """The limits of a file. "MB" is read as the smaller of its meanings."""

    lines: int = 50_000
    file_bytes: int = 500_000_000
    line_bytes: int = 6_000_000


LIMITS = Limits()


class Line(NamedTuple):
    """One request as a line of a file, and its index among all requests."""

    position: int
    text: bytes
    group: tuple[str, bool | None]


class BatchFile(NamedTuple):
    """The lines of one file."""

    lines: tuple[Line, ...]

    def write(self, path: Path) -> None:
        """Write the lines to disk."""
        with path.open("wb") as file:
            file.writelines(line.text for line in self.lines)


class Prepared(NamedTuple):
    """What is sent. ``plans`` has one entry for each request; those that cannot be sent are errors."""

    plans: list[CallPlan | QwenError]
    files: list[BatchFile]
    key: str

    @property
    def sent(self) -> int:
        """Return how many requests are sent."""
        return sum(len(file.lines) for file in self.files)


def prepare(
    settings: ClientSettings,
    requests: Sequence[ChatRequest],
    endpoint: str,
    limits: Limits = LIMITS,
    origin: Sequence[str] = (),
) -> Prepared:
    """Return the files for these requests. ``origin`` tells runs of the same requests apart."""
    settings = msgspec.structs.replace(settings, protocol=batch_protocol(settings))
    plans: list[CallPlan | QwenError] = []
    lines: list[Line] = []
    for index, request in enumerate(requests):
        try:
            plan = plan_line(request, settings)
            text = encode_line(index, plan, endpoint, limits)
        except QwenError as error:
            plans.append(error)
            continue
        plans.append(plan)
        lines.append(Line(index, text, (plan.model, request.enable_thinking)))
    warn_where_not_offered({plan.model: plan for plan in plans if isinstance(plan, CallPlan)}.values())
    host = settings.endpoint("openai").base_url
    return Prepared(plans, split(lines, limits), content_key(lines, [host, endpoint, repr(limits), *origin]))


def batch_protocol(settings: ClientSettings) -> str:
    """Return the only protocol with batches. Raises if the other one was asked for."""
    if settings.protocol == "dashscope":
        raise UnsupportedFeatureError(
            "Batch jobs are available on the OpenAI-compatible protocol only.",
            hint='Use protocol="auto" or "openai".',
        )
    return "openai"


def plan_line(request: ChatRequest, settings: ClientSettings) -> CallPlan:
    """Plan the call that a line stands for. Raises for what no line can hold."""
    plan = plan_chat(with_media(request), settings, stream=False, asynchronous=False)
    show_warnings(plan)
    if plan.encoded.path != CHAT_PATH:
        raise refused("tools that the service runs: they need the Responses API")
    if plan.encoded.headers:
        raise refused(f"headers ({', '.join(plan.encoded.headers)})")
    if "audio" in (request.modalities or ()) or request.enable_code_interpreter:
        raise refused("responses that come only as a stream (audio output, the code interpreter)")
    if plan.pricing.prices is None:
        return plan
    check_length(request.messages, within_window(plan.profile))
    prices = plan.pricing.prices._replace(batch=True)
    return msgspec.structs.replace(plan, pricing=msgspec.structs.replace(plan.pricing, prices=prices))


def within_window(profile: ModelProfile) -> ModelProfile:
    """Return the profile with the lower input limits of batches."""
    longest = min(documented_limit(profile) or BATCH_WINDOW, BATCH_WINDOW)
    return msgspec.structs.replace(profile, max_input_tokens=longest, max_input_tokens_thinking=None)


def with_media(request: ChatRequest) -> ChatRequest:
    """Return the request with local files inlined. Raises for files that are too large to inline."""
    if not has_media(request.messages):
        return request
    ready = prepare_media(request)
    if ready.uploads or documents_to_upload(ready, resolve(request.model)):
        raise refused("files to be uploaded: give a URL, or the id that QwenFiles gave a document")
    return ready.request


def refused(what: str) -> UnsupportedFeatureError:
    """Return the error for what a line cannot hold."""
    return UnsupportedFeatureError(f"A line of a batch file cannot hold {what}.")


def encode_line(index: int, plan: CallPlan, endpoint: str, limits: Limits) -> bytes:
    """Return the line with its line break. Its id is the index of the request."""
    text = _encode(NewLine(custom_id=str(index), url=endpoint, body=msgspec.Raw(plan.encoded.body))) + b"\n"
    if len(text) > limits.line_bytes:
        raise refused(f"{len(text):,} bytes; {limits.line_bytes:,} are allowed")
    return text


def split(lines: Iterable[Line], limits: Limits) -> list[BatchFile]:
    """Return files within the limits, each of one group, with the requests of each in order."""
    groups: dict[tuple[str, bool | None], list[list[Line]]] = {}
    sizes: dict[tuple[str, bool | None], int] = {}
    for line in lines:
        files = groups.setdefault(line.group, [])
        size = sizes.get(line.group, 0) + len(line.text)
        if not files or len(files[-1]) >= limits.lines or size > limits.file_bytes:
            files.append([])
            size = len(line.text)
        files[-1].append(line)
        sizes[line.group] = size
    return [BatchFile(tuple(file)) for files in groups.values() for file in files]


def content_key(lines: Iterable[Line], beside: Iterable[str]) -> str:
    """Return the hash of all that is sent, and of what belongs to it. No secret goes in."""
    digest = hashlib.sha256("\0".join(beside).encode())
    for line in lines:
        digest.update(line.text)
    return digest.hexdigest()


def warn_where_not_offered(plans: Iterable[CallPlan]) -> None:
    """Warn if the price list has no batch price for a model in this region."""
    for plan in plans:
        prices = plan.pricing.prices
        listed = [price for price in plan.profile.prices if prices and price.region == prices.region]
        if prices and listed and not any(price.batch for price in listed):
            warn(f"The price list has no batches for {plan.model} in {prices.region}: the service may refuse it.")
