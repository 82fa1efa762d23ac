"""Judges a shared store by its bare rows and by what its hosts wrote down; imports no corvus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.faults import raw


def facts(diaries: Iterable[Path]) -> list[tuple[str, str, str]]:
    """Return what hosts wrote down: kind, id and the rest; half a line was not acknowledged."""
    found: list[tuple[str, str, str]] = []
    for diary in diaries:
        lines = diary.read_text().split("\n")[:-1] if diary.exists() else []
        for line in lines:
            kind, name, rest = line.split(" ", 2)
            found.append((kind, name, rest))
    return found


def findings(
    url: str, diaries: Iterable[Path], limits: dict[str, int], spilled: str = ""
) -> list[str]:
    """Return every contradiction between a store, its limits, and what was acknowledged.

    Args:
        url: The store.
        diaries: What its hosts wrote down.
        limits: Nano-USD by name of the budget.
        spilled: The text of all files of settlements that wait.
    """
    store = raw.RawStore(url)
    states = store.states()
    costs = {row["reservation_id"]: row["cost_nano_usd"] for row in store.of("usage_record")}
    known = facts(diaries)
    found = raw.findings(url, limits)
    found += [_judge(one, states, costs, spilled) for one in known]
    asked = {name for kind, name, _ in known if kind == "asks"}
    found += [f"nobody asked for {name}" for name in states if name not in asked]
    return [one for one in found if one]


def _judge(
    fact: tuple[str, str, str], states: dict[str, str], costs: dict[str, int], spilled: str
) -> str:
    """Return what contradicts a fact; empty when nothing does."""
    kind, name, rest = fact
    state = states.get(name)
    is_true = {
        "asks": True,
        "unknown": True,
        "reserved": state is not None,
        "denied": state is None,
        "refused": state is None,
        "committed": state == "committed" and costs.get(name) == int_or_0(rest),
        "released": state == "released",
        "pending": state in ("committed", "released") or name in spilled,
        "wrong": False,
    }[kind]
    return "" if is_true else f"{kind} {name} {rest}, but it is {state} at {costs.get(name)}"


def int_or_0(text: str) -> int:
    """Return the number that a text begins with."""
    return int(text) if text.isdigit() else 0
