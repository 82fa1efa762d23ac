"""What the keys of a budget demand of each other, as JSON Schema (CFG-10).

The same facts as in ``budget_faults``, which says whether a budget is right.
"""

from __future__ import annotations

from itertools import combinations

from corvus.base.money import MAX_LIMIT_USD
from corvus.config.model.defaults import AT_MOST_ONE, EXACTLY_ONE, LIMIT_KEYS
from corvus.config.toml.values import Table

_OPEN: Table = {"additionalProperties": True}
"""The member without which tombi takes a schema for a closed table."""


def coherence() -> list[Table]:
    """Return schemas that a budget follows, all of them.

    Each is so that an editor has one message for one mistake: of several keys, the first is the one
    that is missing.
    """
    exclusive = (*EXACTLY_ONE, *AT_MOST_ONE)
    return [
        *(
            {
                "if": {**_OPEN, "properties": dict.fromkeys(others, False)},
                "then": _having(first),
            }
            for first, *others in EXACTLY_ONE
        ),
        *({"not": _having(*pair)} for group in exclusive for pair in combinations(group, 2)),
        {"if": _having("limits"), "then": _having("per")},
        {
            "if": _having(LIMIT_KEYS[0]),
            "then": _limits({"maximum": int(MAX_LIMIT_USD)}),
            "else": _limits({"type": "integer"}),
        },
    ]


def _having(*keys: str) -> Table:
    return {**_OPEN, "required": [*keys]}


def _limits(each: Table) -> Table:
    return {**_OPEN, "properties": {"limits": {"additionalProperties": each}}}
