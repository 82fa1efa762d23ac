"""The types of values that settings are made of, and how a key is described.

Strict: no conversion between types (CFG-4). A type that needs a function of its own has a
counterpart in ``quick``, which must not wait for pydantic.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from corvus.base.money import MAX_LIMIT_USD
from corvus.config.model.defaults import is_exact_number, is_time_zone


def _exact_number(value: object) -> object:
    if not is_exact_number(value):
        raise PydanticCustomError("decimal_type", "a number")
    return value


def _time_zone(value: object) -> object:
    """Refuse a string that names no zone; another type is left to the next check."""
    if isinstance(value, str) and not is_time_zone(value):
        raise PydanticCustomError("time_zone", "an IANA time zone")
    return value


LIVE, NATIVE_ONLY = "x-live", "x-native-only"
"""Marks of keys, for ``keys``; they are not published.

A live key may be changed by ``PATCH admin/config`` while the gateway runs (API-4). A native-only
one stands in corvus.toml alone: the corvus runtime would refuse a file with it (CFG-2).
"""


def about(text: str, *marks: str) -> Any:
    """Describe a key: what it is, its unit and its bounds; the text goes into the JSON Schema."""
    return Field(description=text, json_schema_extra=dict.fromkeys(marks, True))


_NANO = "At most 9 decimal places: one nano-USD. JSON Schema cannot say so without floats."
_ZONE = "An IANA name; which names exist is for corvus check to say."
Amount: TypeAlias = Annotated[
    Decimal,
    Field(strict=False, ge=0, le=MAX_LIMIT_USD, decimal_places=9, allow_inf_nan=False),
    BeforeValidator(_exact_number),
    WithJsonSchema(
        {"type": "number", "minimum": 0, "maximum": int(MAX_LIMIT_USD), "$comment": _NANO}
    ),
]
Zone: TypeAlias = Annotated[
    str,
    BeforeValidator(_time_zone),
    WithJsonSchema({"type": "string", "minLength": 1, "$comment": _ZONE}),
]
Percent: TypeAlias = Annotated[int, Field(ge=0, le=100)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=4_294_967_295)]
Milliseconds: TypeAlias = Annotated[int, Field(ge=0, le=9_223_372_036_854_775_807)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
Slug: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=64)]
HttpUrl: TypeAlias = Annotated[str, Field(pattern=r"^https?://[^/\s]+[^\s]*$")]
StoreUrl: TypeAlias = Annotated[str, Field(pattern=r"^postgres(ql)?://[^\s]+$")]
Variable: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class StrictTable(BaseModel):
    """A strict table; building is deferred, so that only the validator in use is compiled."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True
    )
