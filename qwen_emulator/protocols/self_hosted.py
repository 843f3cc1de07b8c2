"""Chat completions as self-hosted servers write them, in OpenAI's format with differences.

Sources: vLLM ``chat_completion/protocol.py`` and "Reasoning Outputs" (v0.26), SGLang ``openai/protocol.py``,
llama.cpp ``server-common.cpp`` and ``server-task.cpp`` (b11434), Ollama ``openai/openai.go`` (fb30760).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qwen_emulator.compose import CallFragments, Candidate, ComposedReply
from qwen_emulator.conversation import Conversation
from qwen_emulator.failures import Failure
from qwen_emulator.protocols.base import dump
from qwen_emulator.protocols.compatible import DONE, event
from qwen_emulator.replies import RawReply


@dataclass(frozen=True)
class SelfHosted:
    """The encoder of one kind of self-hosted server."""

    reasoning_key: str = "reasoning_content"
    whole_calls: bool = False
    """Whether a streamed tool call comes in one chunk."""
    fingerprint: str | None = None

    def encode_response(self, reply: ComposedReply, conversation: Conversation) -> RawReply:
        """Encode a response in one body."""
        choices = [
            {
                "index": index,
                "message": self._message(candidate),
                "finish_reason": candidate.finish_reason,
                "logprobs": None,
            }
            for index, candidate in enumerate(reply.candidates)
        ]
        payload = {**self._head(reply, "chat.completion"), "choices": choices, "usage": usage(reply)}
        return RawReply(200, {"content-type": "application/json"}, (dump(payload),))

    def encode_stream(self, reply: ComposedReply, conversation: Conversation) -> RawReply:
        """Encode a response as SSE events; the usage comes last, if it was requested."""
        head = self._head(reply, "chat.completion.chunk")
        segments = [
            event({**head, "choices": [{"index": index, "logprobs": None, "finish_reason": None, **choice}]})
            for index, candidate in enumerate(reply.candidates)
            for choice in self._choices(candidate)
        ]
        if (conversation.parameters.get("stream_options") or {}).get("include_usage") is True:
            segments.append(event({**head, "choices": [], "usage": usage(reply)}))
        return RawReply(200, {"content-type": "text/event-stream; charset=utf-8"}, (*segments, DONE))

    def encode_failure(self, failure: Failure, request_id: str, *, stream: bool = False) -> RawReply:
        """Encode an HTTP error, whose code is the HTTP status."""
        return RawReply(
            failure.status,
            {"content-type": "application/json", **failure.headers},
            (dump({"error": error(failure)}),),
        )

    def encode_failure_event(self, failure: Failure, request_id: str, number: int) -> bytes:
        """Encode an error as a data line."""
        return event({"error": error(failure)})

    def encode_refusal(self, failure: Failure, request_id: str, *, stream: bool) -> RawReply:
        """Encode a refusal, which looks like any other HTTP error."""
        return self.encode_failure(failure, request_id)

    def _head(self, reply: ComposedReply, kind: str) -> dict[str, Any]:
        head = {
            "id": f"chatcmpl-{reply.request_id}",
            "object": kind,
            "created": reply.created,
            "model": reply.model,
        }
        return {**head, "system_fingerprint": self.fingerprint} if self.fingerprint else head

    def _message(self, candidate: Candidate) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(candidate.text)}
        if candidate.reasoning:
            message[self.reasoning_key] = "".join(candidate.reasoning)
        if candidate.calls:
            message["tool_calls"] = [written(call, position) for position, call in enumerate(candidate.calls)]
        return message

    def _choices(self, candidate: Candidate) -> Iterator[dict[str, Any]]:
        yield {"delta": {"role": "assistant", "content": ""}}
        for chunk in candidate.reasoning:
            yield {"delta": {self.reasoning_key: chunk}}
        for chunk in candidate.text:
            yield {"delta": {"content": chunk}}
        for position, call in enumerate(candidate.calls):
            if self.whole_calls:
                yield {"delta": {"tool_calls": [written(call, position)]}}
                continue
            first = {**written(call, position), "function": {"name": call.name, "arguments": ""}}
            yield {"delta": {"tool_calls": [first]}}
            for fragment in call.fragments:
                yield {"delta": {"tool_calls": [{"index": position, "function": {"arguments": fragment}}]}}
        yield {"delta": {}, "finish_reason": candidate.finish_reason}


def written(call: CallFragments, position: int) -> dict[str, Any]:
    """Encode a complete tool call."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"index": position, "id": call.id, "type": "function", "function": function}


def usage(reply: ComposedReply) -> dict[str, Any]:
    """Encode the usage; these servers do not report reasoning tokens."""
    counts = reply.usage
    return {
        "prompt_tokens": counts.input_tokens,
        "completion_tokens": counts.output_tokens,
        "total_tokens": counts.total_tokens,
        "prompt_tokens_details": {"cached_tokens": counts.cached_tokens} if counts.cached_tokens else None,
    }


def error(failure: Failure) -> dict[str, Any]:
    """Encode the error object."""
    return {
        "message": failure.message,
        "type": failure.type or failure.code,
        "param": None,
        "code": failure.status,
    }


DIALECTS = {
    "vllm": SelfHosted(reasoning_key="reasoning"),
    "sglang": SelfHosted(),
    "llama.cpp": SelfHosted(),
    "ollama": SelfHosted(reasoning_key="reasoning", whole_calls=True, fingerprint="fp_ollama"),
}
"""The known servers, each below its own path."""
