"""The pages, each a view with a template of its name."""

from __future__ import annotations

import re

from policy.dashboard.page import View
from policy.dashboard.views.overview import overview

VIEWS: dict[str, View] = {
    "": overview,
}
"""Path below the root, as the router writes it, and what answers."""


def find_view(path: str) -> View | None:
    """Return what answers a path, if anything does."""
    for pattern, view in VIEWS.items():
        if re.fullmatch(re.sub(r"\\\{[^}]*path\\\}", ".+", re.escape(pattern)), path):
            return view
    return None
