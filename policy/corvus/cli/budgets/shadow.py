"""What ``corvus status`` says of the shadow policy: which it is, and what it would have refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from corvus.answers.kv import kv_text
from corvus.base.errors import StoreError
from corvus.base.money import usd_exact, usd_short
from corvus.cli.output import shown

if TYPE_CHECKING:
    from corvus.governor.shadow.tallies import ShadowCount
    from corvus.runtime import Runtime

_SHOWN_MAX = 10
_VERBS = {
    "refused": "would have refused",
    "capped": "would have capped",
    "waited": "would have let wait",
    "downgraded": "would have downgraded",
    "asked": "would have asked about",
}


def shadow_json(runtime: Runtime) -> dict[str, object] | None:
    """Return the shadow policy as data; ``None`` where the config names none."""
    shadow = runtime.shadow
    if shadow is None:
        return None
    counts = _counts(runtime)
    return {
        "path": str(shadow.path),
        "policy_hash": shadow.policy.content_hash if shadow.policy else None,
        "problem": shadow.problem,
        "calls": None if counts is None else sum(one.calls for one in counts),
        "counts": [
            {
                "verdict": one.outcome.value,
                "budget": one.budget,
                "calls": one.calls,
                "cost_usd": usd_exact(one.cost_nano_usd),
            }
            for one in counts or ()
        ],
    }


def shadow_lines(runtime: Runtime) -> list[str]:
    """Return a line of ``key=value`` for each kind of call that the shadow would not let pass."""
    return [
        f"shadow_verdict={one.outcome} budget={kv_text(one.budget)} calls={one.calls} "
        f"cost_usd={usd_exact(one.cost_nano_usd)}"
        for one in (_counts(runtime) or ())
    ]


def shadow_rows(runtime: Runtime) -> Iterator[tuple[str, str]]:
    """Yield rows of a page for a person: a name, and words."""
    shadow = runtime.shadow
    if shadow is None:
        return
    if shadow.policy is None:
        yield "shadow", f"[yellow]not counted[/]: {shown(shadow.problem or '')}"
        return
    counts = _counts(runtime)
    yield "shadow", f"{shown(str(shadow.path))}  [dim]{shadow.policy.content_hash[:23]}[/]"
    if counts is None:
        yield "", "[yellow]unknown[/]: the store cannot be read"
    elif not counts:
        yield "", "so far it would have let every call pass as it was"
    for one in (counts or ())[:_SHOWN_MAX]:
        yield "", _words(one)
    if counts and len(counts) > _SHOWN_MAX:
        yield "", f"and {len(counts) - _SHOWN_MAX:,} more: corvus report budgets/shadow"


def _words(one: ShadowCount) -> str:
    calls = "1 call" if one.calls == 1 else f"{one.calls:,} calls"
    return f"{_VERBS[one.outcome]} {calls} by {shown(one.budget)}, ${usd_short(one.cost_nano_usd)}"


def _counts(runtime: Runtime) -> list[ShadowCount] | None:
    with suppress(StoreError):
        return runtime.shadow_counts()
    return None
