"""What is known of each model: profiles, folded from ``catalogue.toml`` when first asked for."""

from qwen_core.models.catalogue import all_models, origins, resolve
from qwen_core.models.profile import ModelProfile, Price, RegionalLimit

__all__ = ["ModelProfile", "Price", "RegionalLimit", "all_models", "origins", "resolve"]
