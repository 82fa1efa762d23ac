"""Says that governed tables are valid, without importing pydantic and building its models.

It runs the very schema that pydantic made of ``settings``, reduced to data by
``python -m tools generate`` and shipped next to this module. It only ever says "valid"; the rest is
for ``validate`` to explain. Where the installed pydantic-core does not know the data, it accepts
nothing, and every file takes the slower way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from types import ModuleType

from corvus.config.model.defaults import (
    budget_faults,
    is_ascending,
    is_distinct,
    is_exact_number,
    is_ladder,
    is_time_zone,
    is_window,
    limit_fault,
)
from corvus.config.toml.values import Table, is_array, is_table
from corvus.model.archive_url import ARCHIVE_URL, is_archive_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pydantic_core import SchemaValidator

_FOLDER = os.path.dirname(__file__)
DATA = os.path.join(_FOLDER, "settings_core.json")


def _checked(is_right: Callable[[Any], bool]) -> Callable[[object], object]:
    def check(value: object) -> object:
        if is_right(value):
            return value
        raise ValueError

    return check


def _globs(value: object, check: Callable[[object], object]) -> object:
    return check([value] if isinstance(value, str) else value)


FUNCTIONS: dict[str, Callable[..., object]] = {
    "_exact_number": _checked(is_exact_number),
    "_time_zone": _checked(is_time_zone),
    "_window": _checked(is_window),
    "_globs": _globs,
    "_distinct": _checked(is_distinct),
    "_ladder": _checked(is_ladder),
    "_ascending": _checked(lambda tiers: is_ascending(tier["above_tokens"] for tier in tiers)),
    "_limit": _checked(lambda value: limit_fault(value) is None),
    "_coherent": _checked(lambda budget: is_table(budget) and not any(budget_faults(budget))),
}
"""What stands in for the functions of ``fields``, by their names there."""


def _is_slug(text: str) -> bool:
    parts = text.replace("_", "-").split("-")
    return text.isascii() and text == text.lower() and all(map(str.isalnum, parts))


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and not text.strip("0123456789abcdef")


def _is_attribute(text: str) -> bool:
    return text in _ATTRIBUTES or (text.startswith("tag.") and len(text) > len("tag."))


def _behind_scheme(text: str, *schemes: str) -> str:
    """Return what follows the scheme of a URL; nothing where it has another, or white space."""
    scheme, _, rest = text.partition("://")
    return rest if scheme in schemes and text.split() == [text] else ""


_ATTRIBUTES = (
    "model", "provider", "project", "user", "agent", "surface", "subagent", "token", "branch"
)  # fmt: skip
PATTERNS: dict[str, Callable[[str], bool]] = {
    r"^[a-z0-9]+([_-][a-z0-9]+)*$": _is_slug,
    rf"^(?:{'|'.join(_ATTRIBUTES)}|(?s:tag\..+))$": _is_attribute,
    r"^[0-9a-f]{64}$": _is_sha256,
    r"^[^\x00]+$": lambda text: bool(text) and "\0" not in text,
    r"^[^*?]+$": lambda text: bool(text) and "*" not in text and "?" not in text,
    r"^[A-Za-z_][A-Za-z0-9_]*$": lambda text: text.isascii() and text.isidentifier(),
    r"^https?://[^/\s]+[^\s]*$": (
        lambda text: _behind_scheme(text, "http", "https")[:1] not in {"", "/"}
    ),
    ARCHIVE_URL: is_archive_url,
    r"^postgres(ql)?://[^\s]+$": (
        lambda text: bool(_behind_scheme(text, "postgres", "postgresql"))
    ),
}
"""What finds the texts of a pattern without ``re``; compiling them takes longer than a check.

A pattern that is not here works, too, and slows every start down.
"""


def is_valid(data: Table) -> bool:
    """Return whether the model accepts the governed tables; ``False`` may also mean "unknown"."""
    validator = load_validator()
    return validator is not None and validator.isinstance_python(data)


@cache
def compiled() -> dict[str, Any]:
    """Return the data that was made of the settings: ``schema`` and ``native_only``."""
    return read_data(DATA)


def read_data(path: str) -> Any:
    """Read a JSON file of the package, by pydantic-core: ``json`` would load ``re``.

    Args:
        path: The file, or the name of one beside this module.
    """
    with open(os.path.join(_FOLDER, path), "rb") as stream:
        return _extension().from_json(stream.read())


@cache
def load_validator() -> SchemaValidator | None:
    """Build the validator; ``None`` where pydantic-core does not know this form of a schema."""
    core = _extension()
    try:
        return core.SchemaValidator(_revived(compiled()["schema"]))
    except core.SchemaError:
        return None


@cache
def _extension() -> Any:
    """Import the compiled part of pydantic-core alone.

    NOTE: its package builds types for authors of schemas, which takes three times as long as the
    rest of a check (2.50, CPython 3.11). A stand-in for the package is there for as long as the
    import takes, so that a later ``import pydantic`` finds everything as it should be.
    """
    if "pydantic_core" not in sys.modules:
        package = PathFinder.find_spec("pydantic_core")
        if package is not None and package.submodule_search_locations:
            stand_in = ModuleType("pydantic_core")
            stand_in.__path__ = list(package.submodule_search_locations)
            sys.modules["pydantic_core"] = stand_in
            try:
                return import_module("pydantic_core._pydantic_core")
            except ImportError:
                sys.modules.pop("pydantic_core._pydantic_core", None)
            finally:
                del sys.modules["pydantic_core"]
    return import_module("pydantic_core")


def _revived(schema: object) -> Any:
    """Put functions and decimals back where the data names them."""
    if not is_table(schema):
        return [_revived(item) for item in schema] if is_array(schema) else schema
    if "$decimal" in schema:
        return Decimal(str(schema["$decimal"]))
    if "$function" in schema:
        return FUNCTIONS[str(schema["$function"])]
    if "$pattern" in schema:
        return _checked(PATTERNS[str(schema["$pattern"])])
    return {key: _revived(value) for key, value in schema.items()}
