"""What to know of a model whose end was announced. Announcements are data of the catalogue."""

from datetime import date

from qwen_core.models.profile import ModelProfile


def retirement_notice(profile: ModelProfile, today: date) -> str | None:
    """What to know of a model whose end was announced; None for all others."""
    if profile.retired_on is None:
        return None
    past = date.fromisoformat(profile.retired_on) <= today
    instead = (
        f"Alibaba names {profile.successor} as its successor."
        if profile.successor
        else "No successor is named: `python -m qwen_core.models --current` lists the models there are."
    )
    return f"{profile.name} {'was' if past else 'will be'} retired on {profile.retired_on}. {instead}"
