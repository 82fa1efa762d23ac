"""Which keys a file may have besides the governed ones (CFG-2), read from a data file.

A host section is never looked into. ``auto`` decides by the host keys present and keeps the
evidence, so that every surface can say what a file was checked as.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache

from corvus.base.record import Record
from corvus.config.model.quick import compiled, read_data
from corvus.config.toml.values import Route, Table, as_items, is_table, shown, value_at

GOVERNED = ("cost", "autonomy", "mission", "governance")
"""The tables that the settings model owns."""


class Dialect(StrEnum):
    """A set of keys that a file may have."""

    NATIVE = "native"
    CORVUS = "corvus"
    ZEROCLAW = "zeroclaw"


class Detection(Record):
    """What a file was checked as.

    Attributes:
        evidence: The keys that decided it, in file order, such as ``[storage]``; empty when pinned.
        pinned: Whether the user named the dialect.
    """

    dialect: Dialect
    evidence: tuple[str, ...] = ()
    pinned: bool = False


@cache
def _hosts() -> dict[str, dict[str, frozenset[str]]]:
    """Read the data file: dialect to group (``top_level``, or a governed table) to keys."""
    loaded = read_data("dialects.json")
    return {
        dialect: {
            group: frozenset(str(key) for key in as_items(keys)) for group, keys in groups.items()
        }
        for dialect, groups in loaded.items()
    }


def host_keys(dialect: Dialect, table: str = "top_level") -> frozenset[str]:
    """Return the keys a host runtime adds to a governed table, or to the top level."""
    return _hosts().get(dialect.value, {}).get(table, frozenset()) - frozenset(GOVERNED)


def detect(data: Mapping[str, object], wanted: str = "auto") -> Detection:
    """Decide the dialect of a document.

    Args:
        data: The parsed document.
        wanted: A dialect, or ``auto``: without a host key native, as with more keys that only
            corvus.toml may have; with keys that only zeroclaw has zeroclaw, unless those that
            only the corvus runtime has are more; else corvus. Keys inside governed tables count
            once there is a host key.
    """
    if wanted != "auto":
        return Detection(Dialect(wanted), pinned=True)
    corvus, zeroclaw = host_keys(Dialect.CORVUS), host_keys(Dialect.ZEROCLAW)
    top = {key: f"[{key}]" if is_section(value) else key for key, value in data.items()}
    common = [word for key, word in top.items() if key in corvus]
    only = [word for key, word in top.items() if key in zeroclaw - corvus]
    if not common and not only:
        return Detection(Dialect.NATIVE)
    native = [shown(route) for route in native_only({**data})]
    if len(native) > len(common) + len(only):
        return Detection(Dialect.NATIVE, tuple(native))
    inner = [shown(route) for route in _inner_host_keys(data)]
    not_zeroclaw = [word for key, word in top.items() if key in corvus - zeroclaw]
    if (only or inner) and len(only) + len(inner) >= len(not_zeroclaw):
        return Detection(Dialect.ZEROCLAW, tuple(only or inner))
    return Detection(Dialect.CORVUS, tuple(not_zeroclaw or common))


def is_runtime_only(key: str) -> bool:
    """Return whether the corvus runtime sets a key itself and refuses a file that has it."""
    return key in _hosts()["corvus"]["runtime_only"]


def is_section(value: object) -> bool:
    """Return whether a value is a table or an array of tables."""
    return is_table(value) or any(is_table(item) for item in as_items(value))


def _inner_host_keys(data: Mapping[str, object]) -> Iterator[Route]:
    for name in GOVERNED:
        table = data.get(name)
        if is_table(table):
            yield from ((name, key) for key in table if key in host_keys(Dialect.ZEROCLAW, name))


@cache
def native_only_keys() -> tuple[Route, ...]:
    """Return what only corvus.toml may have; ``*`` stands for any model.

    The corvus runtime refuses a file with one of these, and of a price it knows ``input`` and
    ``output`` alone.
    """
    routes = (tuple(route) for route in compiled()["native_only"])
    return tuple(sorted(routes, key=len))


def native_only(data: Table) -> list[Route]:
    """Return the routes in a runtime's file that only corvus.toml may have."""
    found: list[Route] = []
    of_prices: set[str | int] = set()
    for route in native_only_keys():
        holder = data if len(route) == 1 else data.get(str(route[0]))
        if "*" in route:
            of_prices.add(route[-1])
        elif is_table(holder) and route[-1] in holder:
            found.append(route)
    prices = value_at(data, ("cost", "prices"))
    for model, price in prices.items() if is_table(prices) else ():
        if is_table(price):
            found += [("cost", "prices", model, key) for key in price if key in of_prices]
    return found
