"""The values of policy tests that settings do not have: instants, lengths of time, sums."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import AwareDatetime, BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from corvus.config.model.defaults import LARGEST_COUNT, limit_fault
from corvus.config.toml.values import is_table

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_SECONDS = 366 * 86_400


def length_of(text: str) -> timedelta | None:
    """Return a length of time such as ``90s``, ``5m``, ``2h`` or ``7d``; ``None`` for another text.

    Returns:
        From a second to 366 days.
    """
    count, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not (count.isascii() and count.isdigit()) or len(count) > 8:
        return None
    seconds = int(count) * unit
    return timedelta(seconds=seconds) if 0 < seconds <= _LONGEST_SECONDS else None


def _length(value: object) -> object:
    if isinstance(value, str) and length_of(value) is None:
        raise PydanticCustomError("length", "a length of time")
    return value


def sum_fault(value: object) -> tuple[tuple[str, ...], str] | None:
    """Return what is wrong with a sum: of which part, and as a kind of error of pydantic."""
    if not is_table(value):
        fault = limit_fault(value)
        return None if fault is None else ((), fault)
    faults = ((part, limit_fault(amount)) for part, amount in value.items())
    return next((((part,), fault) for part, fault in faults if fault is not None), None)


def _sum(value: object) -> object:
    if sum_fault(value) is not None:
        raise PydanticCustomError("sum", "a sum")
    return value


Instant: TypeAlias = Annotated[
    AwareDatetime,
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Length: TypeAlias = Annotated[
    str,
    BeforeValidator(_length),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,8}[smhd]$"}),
]
_NUMBER: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": LARGEST_COUNT}
Sum: TypeAlias = Annotated[
    int | Decimal | dict[str, int | Decimal],
    PlainValidator(_sum),
    WithJsonSchema(
        {
            **_NUMBER,
            "type": ["number", "object"],
            "additionalProperties": _NUMBER,
            "description": "In the unit of the budget: USD, tokens or calls. A table has one for "
            "each part of a budget with `per`; a number is for the part of the first call.",
        }
    ),
]
Sums: TypeAlias = dict[str, Sum]
