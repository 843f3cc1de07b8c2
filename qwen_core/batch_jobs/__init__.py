"""The service's Batch API: requests in files, answered later at half the price."""

from qwen_core.batch_jobs.client import AsyncQwenBatchJobs, QwenBatchJobs
from qwen_core.batch_jobs.journal import Journal
from qwen_core.batch_jobs.lines import Limits
from qwen_core.batch_jobs.options import BatchOptions
from qwen_core.batch_jobs.results import Outcome
from qwen_core.batch_jobs.wire import BatchJob

__all__ = ["AsyncQwenBatchJobs", "BatchJob", "BatchOptions", "Journal", "Limits", "Outcome", "QwenBatchJobs"]
