"""Tell the retirement date and successor of a model. Announcements are data of the catalogue."""

from datetime import date

from qwen_core.models.profile import ModelProfile


def retirement_notice(profile: ModelProfile, today: date) -> str | None:
    """Return the retirement notice of a model, or None if no retirement date was announced."""
    if profile.retired_on is None:
        return None
    past = date.fromisoformat(profile.retired_on) <= today
    instead = (
        f"Alibaba names {profile.successor} as its successor."
        if profile.successor
        else "No successor is named: `python -m qwen_core.models --current` lists current models."
    )
    return f"{profile.name} {'was' if past else 'will be'} retired on {profile.retired_on}. {instead}"
