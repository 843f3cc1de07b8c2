"""The options that the service takes as objects, as types: what an editor can complete and pydantic can check.

A key that is not named here is sent all the same: the service learns options faster than this file.
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
"""``qwen3``: where the answer begins with ``<think>``. ``qwen3-thinking``: also where that tag was in the prompt,
so that every answer begins inside. The names are SGLang's."""
ToolCallParserName = Literal["hermes"]


class SearchOptions(TypedDict, total=False):
    """How the service searches the web (native 3.1, compatible 2.4).

    Over the OpenAI-compatible protocol only ``forced_search``, ``search_strategy`` and ``enable_search_extension``
    have an effect; ``protocol="auto"`` takes the native one for the others.
    """

    __pydantic_config__ = ANY_KEY  # type: ignore[misc]

    enable_source: bool
    """Whether the sources are reported. Asked for unless it is set."""
    enable_citation: bool
    """Whether markers in the text cite them."""
    citation_format: str
    """``"[<number>]"`` or ``"[ref_<number>]"``."""
    forced_search: bool
    """Whether to search even where the model would not."""
    search_strategy: str
    """``turbo``, ``max``, ``agent`` or ``agent_max``; each at its price."""
    prepend_search_result: bool
    """Whether a stream begins with the sources."""
    enable_search_extension: bool
    """Whether vertical data, such as weather and stocks, are looked up too."""
    freshness: int
    """How old results may be, in days: 7, 30, 180 or 365."""
    assigned_site_list: list[str]
    """The only sites to search."""
    intention_options: dict[str, Any]
    """``{"prompt_intervene": "..."}``: what the search shall be about."""


class Translation(TypedDict):
    """One term or sentence and how it has to be translated."""

    source: str
    target: str


class TranslationOptions(TypedDict, total=False):
    """What a translation model is told (native 3). Languages by their English names."""

    __pydantic_config__ = ANY_KEY  # type: ignore[misc]

    source_lang: str
    """``auto``, or a language."""
    target_lang: str
    """A language."""
    terms: list[Translation]
    """Terms with their translations."""
    tm_list: list[Translation]
    """Sentences with their translations, to translate alike."""
    domains: str
    """The subject and the style, in English words."""
