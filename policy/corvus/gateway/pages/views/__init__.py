"""The pages: each module registers its views, and each view has a template of its name."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from corvus.gateway.pages.page import PAGES

__all__ = ["PAGES"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
