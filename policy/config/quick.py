"""Says that governed tables are valid, without importing pydantic and building its models.

It runs the very schema that pydantic made of ``settings``, reduced to data by ``quick_compile`` and
shipped beside this module. It only ever says "valid"; the rest is for ``validate`` to explain.
Refuses to guess: where the installed pydantic-core does not know the data, it accepts nothing, and
every file takes the slower way.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policy.config.defaults import is_exact_number, is_time_zone
from policy.config.reporter import Table, as_items, is_table, kind

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

DATA = Path(__file__).with_name("settings_core.json")


def _checked(is_right: Callable[[object], bool]) -> Callable[[object], object]:
    def check(value: object) -> object:
        if is_right(value):
            return value
        raise ValueError

    return check


FUNCTIONS: dict[str, Callable[[object], object]] = {
    "_exact_number": _checked(is_exact_number),
    "_time_zone": _checked(is_time_zone),
}
"""What stands in for the functions of ``settings``, by their names there."""


def is_valid(data: Table) -> bool:
    """Tell whether the model accepts the governed tables; ``False`` may also mean "cannot tell"."""
    validator = load_validator()
    return validator is not None and validator.isinstance_python(data)


@cache
def load_validator() -> SchemaValidator | None:
    """Build the validator; ``None`` where pydantic-core does not know this form of a schema."""
    from pydantic_core import SchemaError, SchemaValidator

    try:
        return SchemaValidator(_revived(json.loads(DATA.read_text(encoding="utf-8"))))
    except SchemaError:
        return None


def _revived(schema: object) -> Any:
    """Put functions and decimals back where the data names them."""
    if not is_table(schema):
        return [_revived(item) for item in as_items(schema)] if kind(schema) == "array" else schema
    if "$decimal" in schema:
        return Decimal(str(schema["$decimal"]))
    if "$function" in schema:
        return FUNCTIONS[str(schema["$function"])]
    return {key: _revived(value) for key, value in schema.items()}
