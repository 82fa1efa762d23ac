"""Text to typed settings, with a position for everything."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.config.layers.settings_class import CorvusSettings

__all__ = ["CorvusSettings"]


def __getattr__(name: str) -> object:
    """Load the settings class on first use (PEP 562): nothing else of this room needs it."""
    if name != "CorvusSettings":
        raise AttributeError(f"module 'corvus.config' has no attribute {name!r}")
    from corvus.config.layers.settings_class import CorvusSettings

    return CorvusSettings
