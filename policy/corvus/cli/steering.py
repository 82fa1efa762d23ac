"""``corvus cost override`` and ``corvus cost reset``: what operators may do about a block (CLI-3).

Who does it is the local user, whatever the command line says (OVR-5).
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from corvus.answers.amounts import amount_exact, amount_words, part_words
from corvus.answers.steering import heard_elsewhere
from corvus.base.errors import PolicyError, SteeringRefused
from corvus.base.money import usd_text
from corvus.cli.options import (
    Config,
    LedgerPath,
    Session,
    SessionProject,
    Sets,
    require_named_books,
    say_governing,
)
from corvus.cli.output import TextOrBody, emit
from corvus.diagnostics.plain import escape
from corvus.model.request import Surface

if TYPE_CHECKING:
    from corvus.governor.governor import Governor
    from corvus.model.steering import Override, OverrideRequest, ResetRequest, ResetResult
    from corvus.runtime import Runtime

T = TypeVar("T")


Reason = Annotated[str | None, typer.Option("--reason", help="Why, for the audit.")]


def override(
    *,
    reason: Reason = None,
    expires_in: Annotated[
        str, typer.Option("--expires-in", help="How long it waits for a block: 90s, 15m, 2h30m.")
    ] = "1h",
    session: Annotated[
        str | None,
        typer.Option(
            "--session",
            envvar="CORVUS_SESSION_ID",
            help="Session it is for; without one, the next block of any session.",
        ),
    ] = None,
    project: SessionProject = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before replacing an active one.")
    ] = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Let one call pass that its budgets would refuse.

    Example: corvus cost override --reason "release day" --expires-in 2h
    """
    from corvus.cli.times import parse_duration
    from corvus.model.steering import OverrideRequest
    from corvus.runtime import local_actor

    refuse_in_run()
    life = _read(lambda: parse_duration(expires_in), "--expires-in")
    if session == "":
        raise typer.BadParameter("a session has a name; leave it out for any", param_hint="session")
    _refuse_lonely(project, session)
    request = _read(
        lambda: OverrideRequest(local_actor(), reason, session, life, surface=Surface.CLI),
        "--reason, --session",
    )
    runtime = _runtime(config, sets, ledger)
    with runtime.steering() as governor:
        request = replace(request, project=project or governor.project_of(session))
        if not yes and sys.stdin.isatty():
            _ask_before_replacing(governor, request)
        granted = _granted(runtime, governor, request)
        elsewhere = governor.renewal_seconds
    body = {
        "budget_override": "applied",
        "scope": "next_request",
        "override_id": granted.id,
        "session_id": granted.session_id,
        "expires_at": granted.expires_at.isoformat(),
        **({"project": granted.project} if granted.project else {}),
        **heard_elsewhere(elsewhere),
    }
    words = _granted_text(granted) + _elsewhere_words(elsewhere)
    emit(output, lambda: body, lambda: print(escape(words)))


def budget_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the budgets of the config that begin as typed, for the shell's completion."""
    from corvus.runtime import open_runtime

    try:
        policy = open_runtime(context.params.get("config") or ()).policy
    except (PolicyError, OSError):
        return []
    return [budget.name for budget in policy.budgets if budget.name.startswith(incomplete)]


def reset(
    *,
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            help="Name of the budget: session, day, month, mission, or one of your own.",
            autocompletion=budget_names,
        ),
    ],
    session: Session = None,
    mission: Annotated[
        str | None, typer.Option("--mission", help="Which mission of that session.")
    ] = None,
    project: SessionProject = None,
    part: Annotated[
        str | None,
        typer.Option(
            "--part",
            help="Which part of a budget with `per`: its value, or several with a comma between.",
        ),
    ] = None,
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; a script needs it.")] = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Let a budget start from 0 in its present window; history and reports keep the spend.

    Example: corvus cost reset --scope day --reason "test run"
    """
    from corvus.model.steering import ResetRequest
    from corvus.runtime import local_actor

    refuse_in_run()
    _refuse_lonely(project, session)
    request = _read(
        lambda: ResetRequest(scope, local_actor(), reason, session, mission, part=part),
        "--scope, --reason, --session, --mission, --part",
    )
    runtime = _runtime(config, sets, ledger)
    with runtime.steering() as governor:
        request = replace(request, project=project or governor.project_of(session))
        if not yes:
            _ask_before_reset(governor, request)
        result = governor.reset(request)
        elsewhere = governor.renewal_seconds
    event = result.audit_event
    body = {
        "scope": result.scope,
        "removed_cost_usd": usd_text(result.removed_cost_nano_usd),
        "removed_requests": result.removed_requests,
        "effective_at": result.effective_at.isoformat(),
        "session_id": event.session_id,
        "mission_id": event.mission_id,
        "audit_event": event.position,
        "removed_cost_nano_usd": str(result.removed_cost_nano_usd),
        **({"project": request.project} if request.project else {}),
        "measure": result.removed.measure.value,
        "removed": amount_exact(result.removed.amount, result.removed.measure),
        **({"part": result.removed.part} if result.removed.part else {}),
        **heard_elsewhere(elsewhere),
    }
    words = _reset_text(result) + _elsewhere_words(elsewhere)
    emit(output, lambda: body, lambda: print(escape(words)))


def refuse_in_run() -> None:
    """Refuse to lift a block from inside of a governed run.

    An agent that is refused hears which command lifts the block, and would type it. This keeps an
    honest one from it; whoever removes the variable is the local user, and may do as that one.

    Raises:
        SteeringRefused: This process belongs to a run.
    """
    from corvus.cli.agents.child import MARK

    if os.environ.get(MARK):
        raise SteeringRefused(
            "this is a governed run, and what it runs lifts none of its limits: a person does that "
            f"in a terminal of their own; {MARK} marks the run"
        )


def _elsewhere_words(seconds: float | None) -> str:
    return "" if seconds is None else f"; other hosts: within {math.ceil(seconds)} s"


def _refuse_lonely(project: str | None, session: str | None) -> None:
    if project is not None and not session:
        raise typer.BadParameter(
            "a project says which session is meant: name it with --session", param_hint="--project"
        )


def _runtime(config: Any, sets: Any, ledger: Any) -> Runtime:
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or (), sets=sets or (), ledger=ledger)
    require_named_books(runtime)
    say_governing(runtime)
    return runtime


def _read(make: Callable[[], T], options: str) -> T:
    """Make a value of what was typed; what cannot be kept is a mistake in the options."""
    try:
        return make()
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake), param_hint=options) from None


def _granted(runtime: Runtime, governor: Governor, request: OverrideRequest) -> Override:
    try:
        return governor.override(request)
    except SteeringRefused as refused:
        if runtime.policy.enabled and not runtime.policy.allow_override:
            raise SteeringRefused(f"{refused}; cost.allow_override = true allows them") from None
        raise


def _ask_before_replacing(governor: Governor, request: OverrideRequest) -> None:
    from corvus.diagnostics.plain import escape

    for override in governor.status(request.session_id, project=request.project).overrides:
        if (override.session_id, override.project) == (request.session_id, request.project):
            why = f" ({escape(override.reason)})" if override.reason else ""
            typer.confirm(
                f"{escape(override.actor)} granted one at {_minute(override.granted_at)}{why}, "
                f"active until {_minute(override.expires_at)}. Replace it?",
                abort=True,
                err=True,
            )


def _ask_before_reset(governor: Governor, request: ResetRequest) -> None:
    found = governor.resettable(request)
    if not sys.stdin.isatty():
        raise typer.BadParameter("a reset asks first; pass --yes in a script")
    limit, measure = found.budget.limit, found.budget.measure
    of_limit = f" of {amount_words(limit, measure)}" if limit else ""
    whose = f" ({part_words(found.part)})" if found.part else ""
    typer.confirm(
        f"{found.budget.name}{whose}: {amount_words(found.spent, measure)}{of_limit} in "
        f"{_calls(found.calls)} will no longer count; history keeps them. Reset?",
        abort=True,
        err=True,
    )


def _reset_text(result: ResetResult) -> str:
    done = result.removed
    whose = f" ({part_words(done.part)})" if done.part else ""
    removed = f"{amount_words(done.amount, done.measure)} in {_calls(result.removed_requests)}"
    return f"{result.scope}{whose}: {removed} no longer count; history keeps them"


def _granted_text(granted: Override) -> str:
    whose = f"session {granted.session_id}" if granted.session_id else "any session"
    whose += f" of project {granted.project}" if granted.project else ""
    until = _minute(granted.expires_at)
    return f"the next block of {whose} is lifted once, until {until} ({granted.id})"


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
