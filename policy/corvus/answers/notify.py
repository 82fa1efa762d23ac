"""How far each target of notifications has got, for the command line (OBS-4).

Addresses and secrets are in none of it: those are in the environment.
"""

from __future__ import annotations

from corvus.answers.shape import (
    Shape,
    count,
    optional_instant,
    text,
    texts,
)
from corvus.store.standing import TargetStanding

STANDING = Shape[TargetStanding](
    text("name", "Of the target.", "target.name"),
    text(
        "sends_to",
        "webhook or apprise.",
        lambda standing: "apprise" if standing.target.apprise_env else "webhook",
    ),
    texts("events", "What is sent.", "target.events"),
    texts("budgets", "Globs of the budgets it is about; empty is all.", "target.budgets"),
    text("state", "ok, pending or failing."),
    count("pending", "Notices that are to be delivered."),
    count("delivered", "Notices that were.", "progress.delivered"),
    count("given_up", "Notices that could not be.", "progress.given_up"),
    optional_instant("last_delivered_at", "When one was, last.", "progress.last_delivered_at"),
    optional_instant("failing_since", "Since when tries fail.", "progress.failing_since"),
    optional_instant("next_try_at", "When the next is.", "progress.next_try_at"),
    text("last_error", "What went wrong last.", "progress.last_error"),
)
