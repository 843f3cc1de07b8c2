"""The service's Batch API: requests in files, answered later at half the price."""

from qwen_core.resources.batches.client import AsyncQwenBatchJobs
from qwen_core.resources.batches.journal import Journal
from qwen_core.resources.batches.lines import Limits
from qwen_core.resources.batches.options import BatchOptions
from qwen_core.resources.batches.results import Outcome
from qwen_core.resources.batches.schema import BatchJob
from qwen_core.resources.batches.sync.client import QwenBatchJobs

__all__ = ["AsyncQwenBatchJobs", "BatchJob", "BatchOptions", "Journal", "Limits", "Outcome", "QwenBatchJobs"]
