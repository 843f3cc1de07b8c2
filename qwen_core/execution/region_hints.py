"""Advise on errors that may come from calling the wrong region."""

from qwen_core.config.endpoints import region_of
from qwen_core.models.profile import ModelProfile
from qwen_core.types.errors import AuthenticationError, NotFoundError, QwenError


def region_hint(error: QwenError, host: str, profile: ModelProfile) -> str | None:
    """Return advice for an error of a host whose region is known, or None if the error's own advice is as good."""
    region = region_of(host)
    if region is None or not isinstance(error, AuthenticationError | NotFoundError):
        return None
    offered = f" {profile.name} is offered in {', '.join(profile.regions)}." if profile.regions else ""
    if isinstance(error, AuthenticationError):
        return (
            f"Check the API key (api_key=... or DASHSCOPE_API_KEY). {host} is the host of region {region} and "
            f"accepts only keys of that region: if yours is from another, set region=... to it.{offered}"
        )
    if region in profile.regions or not offered:
        return None
    return f"{host} is the host of region {region}.{offered} Set region=... and a key of that region."
