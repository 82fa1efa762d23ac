"""What operators do on a host that has slices: in the shared store, or where a session counts.

A reset of a budget that spans hosts, an override and a change of limits are written to the shared
store, and hosts hear of them when they ask next, or renew. Sessions and missions are counted by one
host alone, so they are reset there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from corvus.base.errors import SteeringRefused
from corvus.governor.engine import Engine, Operation, Prepared
from corvus.governor.leases.budgets import spans_hosts
from corvus.governor.resets import find_budget
from corvus.model.steering import ResetRequest

T = TypeVar("T")


def steered(engine: Engine, operation: Operation[T]) -> Operation[T]:
    """Return an operation so that it concerns all hosts.

    Args:
        engine: Of this host.
        operation: By the rules of ``engine.steering``.
    """
    shared = engine.shared
    if shared is None:
        return operation
    return Prepared(shared.report, lambda _: operation, engine.steering)


def where_counted(
    engine: Engine, request: ResetRequest, operation: Callable[[Engine], Operation[T]]
) -> Operation[T]:
    """Return an operation on a budget, in the store where its calls are counted.

    Args:
        engine: Of this host.
        request: Names the budget, and its session or mission.
        operation: Returns the operation by the rules of an engine.
    """
    shared = engine.shared
    if shared is None:
        return operation(engine)
    try:
        _, budget = find_budget(engine.rules, request.scope)
    except SteeringRefused:
        return operation(engine)  # which says so
    if spans_hosts(budget):
        return steered(engine, operation(engine.steering))
    session_id, project = request.session_id, request.project
    if not session_id:
        return operation(engine)
    return Prepared(lambda: shared.require_home(session_id, project), lambda _: operation(engine))
