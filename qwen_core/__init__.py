"""The core: knows the wires of Alibaba's Qwen service, knows no framework."""

from typing import TYPE_CHECKING

from qwen_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from qwen_core.config.settings import ClientSettings
    from qwen_core.config.timeouts import Timeout
    from qwen_core.execution.cost_totals import CostTotals
    from qwen_core.execution.rate_limits import RateLimiter
    from qwen_core.execution.usage_meter import count_usage
    from qwen_core.protocols.tasks import Task
    from qwen_core.resources.applications import AsyncQwenApplications
    from qwen_core.resources.batches import AsyncQwenBatchJobs, BatchJob, BatchOptions, Limits, QwenBatchJobs
    from qwen_core.resources.client import AsyncQwenClient
    from qwen_core.resources.documents import AsyncQwenDocuments, DocumentOptions
    from qwen_core.resources.files import AsyncQwenFiles, UploadedFile
    from qwen_core.resources.images import AsyncQwenImages, AsyncQwenVideos
    from qwen_core.resources.knowledge import AsyncQwenKnowledge, KnowledgeOptions
    from qwen_core.resources.speech import AsyncQwenSpeech
    from qwen_core.resources.sync.applications import QwenApplications
    from qwen_core.resources.sync.client import QwenClient
    from qwen_core.resources.sync.documents import QwenDocuments
    from qwen_core.resources.sync.files import QwenFiles
    from qwen_core.resources.sync.images import QwenImages, QwenVideos
    from qwen_core.resources.sync.knowledge import QwenKnowledge
    from qwen_core.resources.sync.speech import QwenSpeech
    from qwen_core.resources.sync.tasks import QwenTasks
    from qwen_core.resources.sync.transcription import QwenTranscription
    from qwen_core.resources.tasks import AsyncQwenTasks
    from qwen_core.resources.transcription import AsyncQwenTranscription
    from qwen_core.types.applications import ApplicationRequest
    from qwen_core.types.documents import PageRange, ParsedPages
    from qwen_core.types.errors import QwenError
    from qwen_core.types.images import GeneratedImage, GeneratedVideo, ImageRequest, ImageResponse, VideoRequest
    from qwen_core.types.knowledge import KnowledgeNode, KnowledgeRequest, KnowledgeResponse
    from qwen_core.types.messages import AudioPart, FilePart, ImagePart, Message, TextPart, ToolCallPart, VideoPart
    from qwen_core.types.requests import (
        ChatRequest,
        EmbeddingRequest,
        EmbeddingResponse,
        MultimodalEmbeddingRequest,
        RerankRequest,
        RerankResponse,
    )
    from qwen_core.types.responses import ChatResponse
    from qwen_core.types.speech import (
        Sentence,
        Speech,
        SpeechChunk,
        SpeechRequest,
        Transcription,
        TranscriptionChunk,
        TranscriptionRequest,
        Word,
    )
    from qwen_core.types.usage import Cost, Usage

__all__ = [
    "ApplicationRequest",
    "AsyncQwenApplications",
    "AsyncQwenBatchJobs",
    "AsyncQwenClient",
    "AsyncQwenDocuments",
    "AsyncQwenFiles",
    "AsyncQwenImages",
    "AsyncQwenKnowledge",
    "AsyncQwenSpeech",
    "AsyncQwenTasks",
    "AsyncQwenTranscription",
    "AsyncQwenVideos",
    "AudioPart",
    "BatchJob",
    "BatchOptions",
    "ChatRequest",
    "ChatResponse",
    "ClientSettings",
    "Cost",
    "CostTotals",
    "DocumentOptions",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "FilePart",
    "GeneratedImage",
    "GeneratedVideo",
    "ImagePart",
    "ImageRequest",
    "ImageResponse",
    "KnowledgeNode",
    "KnowledgeOptions",
    "KnowledgeRequest",
    "KnowledgeResponse",
    "Limits",
    "Message",
    "MultimodalEmbeddingRequest",
    "PageRange",
    "ParsedPages",
    "QwenApplications",
    "QwenBatchJobs",
    "QwenClient",
    "QwenDocuments",
    "QwenError",
    "QwenFiles",
    "QwenImages",
    "QwenKnowledge",
    "QwenSpeech",
    "QwenTasks",
    "QwenTranscription",
    "QwenVideos",
    "RateLimiter",
    "RerankRequest",
    "RerankResponse",
    "Sentence",
    "Speech",
    "SpeechChunk",
    "SpeechRequest",
    "Task",
    "TextPart",
    "Timeout",
    "ToolCallPart",
    "Transcription",
    "TranscriptionChunk",
    "TranscriptionRequest",
    "UploadedFile",
    "Usage",
    "VideoPart",
    "VideoRequest",
    "Word",
    "count_usage",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ApplicationRequest": "qwen_core.types.applications",
        "AsyncQwenApplications": "qwen_core.resources.applications",
        "AsyncQwenBatchJobs": "qwen_core.resources.batches",
        "AsyncQwenClient": "qwen_core.resources.client",
        "AsyncQwenDocuments": "qwen_core.resources.documents",
        "AsyncQwenFiles": "qwen_core.resources.files",
        "AsyncQwenImages": "qwen_core.resources.images",
        "AsyncQwenKnowledge": "qwen_core.resources.knowledge",
        "AsyncQwenSpeech": "qwen_core.resources.speech",
        "AsyncQwenTasks": "qwen_core.resources.tasks",
        "AsyncQwenTranscription": "qwen_core.resources.transcription",
        "AsyncQwenVideos": "qwen_core.resources.images",
        "AudioPart": "qwen_core.types.messages",
        "BatchJob": "qwen_core.resources.batches",
        "BatchOptions": "qwen_core.resources.batches",
        "ChatRequest": "qwen_core.types.requests",
        "ChatResponse": "qwen_core.types.responses",
        "ClientSettings": "qwen_core.config.settings",
        "Cost": "qwen_core.types.usage",
        "CostTotals": "qwen_core.execution.cost_totals",
        "DocumentOptions": "qwen_core.resources.documents",
        "EmbeddingRequest": "qwen_core.types.requests",
        "EmbeddingResponse": "qwen_core.types.requests",
        "FilePart": "qwen_core.types.messages",
        "GeneratedImage": "qwen_core.types.images",
        "GeneratedVideo": "qwen_core.types.images",
        "ImagePart": "qwen_core.types.messages",
        "ImageRequest": "qwen_core.types.images",
        "ImageResponse": "qwen_core.types.images",
        "KnowledgeNode": "qwen_core.types.knowledge",
        "KnowledgeOptions": "qwen_core.resources.knowledge",
        "KnowledgeRequest": "qwen_core.types.knowledge",
        "KnowledgeResponse": "qwen_core.types.knowledge",
        "Limits": "qwen_core.resources.batches",
        "Message": "qwen_core.types.messages",
        "MultimodalEmbeddingRequest": "qwen_core.types.requests",
        "PageRange": "qwen_core.types.documents",
        "ParsedPages": "qwen_core.types.documents",
        "QwenApplications": "qwen_core.resources.sync.applications",
        "QwenBatchJobs": "qwen_core.resources.batches",
        "QwenClient": "qwen_core.resources.sync.client",
        "QwenDocuments": "qwen_core.resources.sync.documents",
        "QwenError": "qwen_core.types.errors",
        "QwenFiles": "qwen_core.resources.sync.files",
        "QwenImages": "qwen_core.resources.sync.images",
        "QwenKnowledge": "qwen_core.resources.sync.knowledge",
        "QwenSpeech": "qwen_core.resources.sync.speech",
        "QwenTasks": "qwen_core.resources.sync.tasks",
        "QwenTranscription": "qwen_core.resources.sync.transcription",
        "QwenVideos": "qwen_core.resources.sync.images",
        "RateLimiter": "qwen_core.execution.rate_limits",
        "RerankRequest": "qwen_core.types.requests",
        "RerankResponse": "qwen_core.types.requests",
        "Sentence": "qwen_core.types.speech",
        "Speech": "qwen_core.types.speech",
        "SpeechChunk": "qwen_core.types.speech",
        "SpeechRequest": "qwen_core.types.speech",
        "Task": "qwen_core.protocols.tasks",
        "TextPart": "qwen_core.types.messages",
        "Timeout": "qwen_core.config.timeouts",
        "ToolCallPart": "qwen_core.types.messages",
        "Transcription": "qwen_core.types.speech",
        "TranscriptionChunk": "qwen_core.types.speech",
        "TranscriptionRequest": "qwen_core.types.speech",
        "UploadedFile": "qwen_core.resources.files",
        "Usage": "qwen_core.types.usage",
        "VideoPart": "qwen_core.types.messages",
        "VideoRequest": "qwen_core.types.images",
        "Word": "qwen_core.types.speech",
        "count_usage": "qwen_core.execution.usage_meter",
    },
)
