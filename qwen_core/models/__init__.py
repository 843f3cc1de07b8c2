"""Model profiles, merged from the layers of ``catalogue.toml`` at first use."""

from qwen_core.models.catalogue import all_models, provenance, resolve
from qwen_core.models.profile import ImageLimits, ModelProfile, Price, Recording, RegionalLimit, UnitPrice

__all__ = [
    "ImageLimits",
    "ModelProfile",
    "Price",
    "Recording",
    "RegionalLimit",
    "UnitPrice",
    "all_models",
    "provenance",
    "resolve",
]
