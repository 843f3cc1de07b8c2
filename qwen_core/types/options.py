"""Types of the options that the service takes as objects, for completion in editors and validation by pydantic.

A key that is not declared here is sent all the same: the service adds options faster than this file does.
"""

import sys
from typing import Any, Literal

# Pydantic, which reads these as fields of the public classes, wants this one before Python 3.12.
if sys.version_info >= (3, 12):
    from typing import TypedDict
else:
    from typing_extensions import TypedDict


ANY_KEY = {"extra": "allow"}

ReasoningParserName = Literal["qwen3", "qwen3-thinking"]
"""``qwen3``: the text begins with ``<think>``. ``qwen3-thinking``: the tag may also be in the prompt, so that the
text begins inside the reasoning. The names are SGLang's."""
ToolCallParserName = Literal["hermes"]


class SearchOptions(TypedDict, total=False):
    """Options of the web search (native 3.1, compatible 2.4).

    Over the OpenAI-compatible protocol only ``forced_search``, ``search_strategy`` and ``enable_search_extension``
    have an effect; ``protocol="auto"`` uses the native one for the others.
    """

    __pydantic_config__ = ANY_KEY  # type: ignore[misc]

    enable_source: bool
    """Whether to return the sources. Default: true."""
    enable_citation: bool
    """Whether markers in the text cite the sources."""
    citation_format: str
    """``"[<number>]"`` or ``"[ref_<number>]"``."""
    forced_search: bool
    """Whether to search even if the model would not."""
    search_strategy: str
    """``turbo``, ``max``, ``agent`` or ``agent_max``; each has its own price."""
    prepend_search_result: bool
    """Whether a stream starts with the sources."""
    enable_search_extension: bool
    """Whether to look up vertical data too, such as weather and stocks."""
    freshness: int
    """Maximum age of results in days: 7, 30, 180 or 365."""
    assigned_site_list: list[str]
    """The sites to search; no others are searched."""
    intention_options: dict[str, Any]
    """``{"prompt_intervene": "..."}``: what to search for."""


class Translation(TypedDict):
    """A term or sentence and its translation."""

    source: str
    target: str


class TranslationOptions(TypedDict, total=False):
    """Options of a translation model (native 3). Languages by their English names."""

    __pydantic_config__ = ANY_KEY  # type: ignore[misc]

    source_lang: str
    """``auto``, or a language."""
    target_lang: str
    """A language."""
    terms: list[Translation]
    """Terms with their translations."""
    tm_list: list[Translation]
    """Sentences with their translations, as examples."""
    domains: str
    """The subject and the style, in English."""
