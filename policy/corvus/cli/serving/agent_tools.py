"""The tools that ``corvus mcp`` offers to agents.

Each answer is what the commands of the same names give as JSON. The tools read; those that lift a
block are there only if the user has started the server so. A refusal of ours is an error of the
tool, with its message; nothing is printed, as standard output belongs to the protocol.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from corvus.answers.approval import APPROVAL
from corvus.answers.denial import denial_text
from corvus.answers.status import summary_body
from corvus.base.errors import PolicyError, ReportParameterInvalid
from corvus.base.money import usd_exact
from corvus.model.decision import UnpricedModel
from corvus.model.request import LOCAL, Request, Surface
from corvus.model.usage import Usage
from corvus.version import __version__

if TYPE_CHECKING:
    from corvus.model.price import Price
    from corvus.runtime import Runtime

ROWS_MAX = 200
"""Rows of a report that an agent gets: more would fill its context."""

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_LIFTS = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
_INSTRUCTIONS = (
    "corvus keeps budgets for model calls. Before a long or expensive task, ask budget_status for "
    "what is left and estimate for what a call would cost. A refused call says which budget, what "
    "is left and when it starts again."
)


def server_of(runtime: Runtime, *, lifts: bool, project: str | None = None) -> MCPServer[Any]:
    """Return a server that is not running yet.

    Args:
        runtime: The config in force.
        lifts: Whether its tools may lift blocks.
        project: Of the session of this run.
    """
    server: MCPServer[Any] = MCPServer(
        "corvus", version=__version__, instructions=_INSTRUCTIONS, log_level="ERROR"
    )
    tools = Tools(runtime, project)
    for tool in (
        tools.budget_status,
        tools.spent_today,
        tools.estimate,
        tools.list_reports,
        tools.run_report,
        tools.parked_calls,
    ):
        server.tool(annotations=_READS)(_answering(tool))
    if lifts:
        for tool in (tools.lift_next_block, tools.decide_parked_call):
            server.tool(annotations=_LIFTS)(_answering(tool))
    return server


def _answering(tool: Callable[..., object]) -> Callable[..., object]:
    """Give an agent the message of what was refused."""

    @wraps(tool)
    def answer(*args: object, **kwargs: object) -> object:
        try:
            return tool(*args, **kwargs)
        except (PolicyError, ValueError) as fault:
            raise ToolError(str(fault)) from None

    return answer


class Tools:
    """What can be asked of a place.

    Args:
        runtime: The config in force.
        project: Of the session of this run.
    """

    def __init__(self, runtime: Runtime, project: str | None = None) -> None:
        self._runtime = runtime
        self._project = project

    def budget_status(
        self, session: str | None = None, mission: str | None = None
    ) -> dict[str, Any]:
        """Say where every budget stands: spend, holds, limit, what is left, when it starts again.

        Args:
            session: Whose spend counts against budgets of sessions; by default that of this run.
            mission: A mission of that session; by default the latest that runs.
        """
        if mission is not None and not _session(session):
            raise ReportParameterInvalid("a mission belongs to a session: name it")
        runtime = self._runtime
        status = runtime.status(_session(session), mission)
        return summary_body(runtime.policy, runtime.config_shown, status, None)

    def spent_today(self, zone: str | None = None) -> dict[str, Any]:
        """Say what was spent today, yesterday, this week and month, and on which models.

        Args:
            zone: IANA time zone whose days count; by default that of this machine.
        """
        from corvus.cli.everyday.today import Imported, answer_of, body, machine_zone
        from corvus.cli.times import parse_zone

        if zone is not None:
            parse_zone(zone)
        answer = answer_of(self._runtime, zone or machine_zone(), Imported())
        found = body(self._runtime, answer)
        del found["imported"]
        return found

    def estimate(
        self,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cache_read_tokens: int = 0,
        provider: str | None = None,
    ) -> dict[str, Any]:
        """Say what a call would cost at most, and whether the budgets would let it pass now.

        Nothing is reserved. Budgets of sessions are those of the session of this run.

        Args:
            model: Such as claude-sonnet-4-5.
            input_tokens: What it reads, without what comes from a cache; >= 0.
            output_tokens: The most that it may write; >= 0.
            cache_read_tokens: What it reads from a cache; >= 0.
            provider: Who bills, where several sell the model.
        """
        runtime = self._runtime
        price = runtime.books.find(model, provider=provider, on=runtime.clock.now().date())
        if price is None:
            near = ", ".join(runtime.books.resembling(model))
            hint = f"; the book has {near}" if near else ""
            raise UnpricedModel(f"there is no price for {model!r}{hint}", model)
        usage = Usage(input_tokens, output_tokens, cache_read_tokens=cache_read_tokens)
        return self._decided(
            price, usage, Request(model, None, _session(None) or "mcp", project=self._project)
        )

    def _decided(self, price: Price, usage: Usage, request: Request) -> dict[str, Any]:
        from corvus.prices.cost import estimate

        amount = estimate(usage, price)
        request = replace(
            request,
            provider=price.provider,
            estimate_nano_usd=amount,
            estimate_tokens=usage.total_tokens,
        )
        decision = self._runtime.evaluate(request)
        return {
            "model": request.model,
            "provider": price.provider,
            "price_entry": price.entry,
            "estimate_usd": float(usd_exact(amount)),
            "estimate_nano_usd": str(amount),
            "enforced": self._runtime.policy.enabled,
            "would_pass": decision.allowed,
            "budget_state": decision.state.word,
            "reason": "" if decision.allowed else denial_text(decision),
        }

    def list_reports(self) -> list[dict[str, Any]]:
        """List the reports: what each tells, and its parameters."""
        from corvus.reporting.catalog import load_catalog

        return [
            {
                "name": report.name,
                "title": report.header.title,
                "summary": report.header.summary,
                "parameters": [
                    {
                        "name": each.name,
                        "type": each.type.value,
                        "description": each.description,
                        "required": each.required,
                    }
                    for each in report.header.parameters
                ],
            }
            for report in load_catalog().reports.values()
        ]

    def run_report(self, name: str, parameters: dict[str, str] | None = None) -> dict[str, Any]:
        """Run a report on what was recorded; amounts are in USD, at most 200 rows are returned.

        Args:
            name: Such as by-model; see list_reports.
            parameters: Its parameters, such as since: 2026-11-01T00:00:00Z; values are texts.
        """
        from corvus.reporting.catalog import load_catalog
        from corvus.reporting.formats import json_text
        from corvus.reporting.run import run_report

        report = load_catalog().find(name)
        with self._runtime.bookkeeping.ledger(may_be_missing=True) as ledger:
            table = run_report(
                ledger.connection, report, parameters or {}, now=self._runtime.clock.now()
            )
        left_out = max(0, len(table.rows) - ROWS_MAX)
        shown = replace(table, rows=table.rows[:ROWS_MAX])
        about = {"report": report.name, "rows_left_out": left_out}
        return json.loads(json_text(shown, about))

    def parked_calls(self) -> list[dict[str, Any]]:
        """List the calls that wait for a person to approve them."""
        if not self._runtime.bookkeeping.place.exists:
            return []
        with self._runtime.steering() as governor:
            return APPROVAL.bodies(governor.approvals())

    def lift_next_block(self, reason: str, session: str | None = None) -> dict[str, Any]:
        """Let one call pass that its budgets would refuse; it waits an hour for that call.

        Args:
            reason: Why, for the audit.
            session: Whose next block; by default that of this run, else any.
        """
        from corvus.model.steering import OverrideRequest
        from corvus.runtime import local_actor

        request = OverrideRequest(local_actor(), reason, _session(session), surface=Surface.CLI)
        with self._runtime.steering() as governor:
            own = None if session else self._project
            project = own or governor.project_of(request.session_id)
            granted = governor.override(replace(request, project=project))
        return {
            "override_id": granted.id,
            "session_id": granted.session_id,
            "expires_at": granted.expires_at.isoformat(),
        }

    def decide_parked_call(self, approval_id: str, approve: bool, reason: str) -> dict[str, Any]:
        """Let a parked call pass once, or refuse it.

        Args:
            approval_id: Its id; see parked_calls.
            approve: Whether it may pass.
            reason: Why, for the audit.
        """
        from corvus.model.approval import ApprovalRequest
        from corvus.runtime import local_actor

        request = ApprovalRequest(
            approval_id, local_actor(), approve, LOCAL, None, reason, Surface.CLI
        )
        with self._runtime.steering() as governor:
            return APPROVAL.body(governor.decide_approval(request))


def _session(named: str | None) -> str | None:
    return named or os.environ.get("CORVUS_SESSION_ID")
