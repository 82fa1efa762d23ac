"""Faults of hosts, origins and URLs as findings; what is wrong is for ``corvus.base.endpoints``."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.config.check.reporter import Reporter
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, Table, as_items, quoted, value_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.base.endpoints import EndpointFault


def texts(tables: Table, route: Route) -> Iterator[tuple[Route, str]]:
    """Yield the string at a route, or each string of the array there, with its own route."""
    value = value_at(tables, route)
    if isinstance(value, str):
        yield route, value
    for index, item in enumerate(as_items(value)):
        if isinstance(item, str):
            yield (*route, index), item


def report_fault(code: str, route: Route, fault: EndpointFault | None, reporter: Reporter) -> None:
    """Report a fault; the value is not repeated, for it may hold a password."""
    if fault is None or reporter.is_reported(route):
        return
    from corvus.config.check.fixes import replace

    fix, help_ = None, (fault.help,)
    if fault.instead is not None and reporter.hides(route):
        help_ = ()
    elif fault.instead is not None:
        fix = replace(reporter, route, quoted(fault.instead))
    message = f"`{reporter.shown(route)}` {fault.reason}"
    reporter.add(Finding(code, message, ValueOf(route), "", help_, fix=fix))
