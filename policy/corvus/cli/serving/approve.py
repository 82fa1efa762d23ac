"""``corvus approve``: what a person decides of parked calls (EVA-14).

Who does it is the local user, whatever the command line says (OVR-5).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.answers.amounts import amount_words
from corvus.answers.approval import APPROVAL
from corvus.base.money import NanoUSD, nano_usd, usd_short
from corvus.cli.options import (
    Config,
    LedgerPath,
    Sets,
    has_books,
    require_books,
    require_named_books,
    say_governing,
)
from corvus.cli.output import TextOrBody, emit
from corvus.cli.steering import refuse_in_run
from corvus.diagnostics.plain import escape
from corvus.model.request import LOCAL, Surface

if TYPE_CHECKING:
    from corvus.model.approval import Approval, BlockingBudget
    from corvus.runtime import Runtime


def approve(
    *,
    approval_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Which parked call; without one, all are listed."),
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option("--amount", metavar="USD", help="What the call may cost at most."),
    ] = None,
    deny: Annotated[bool, typer.Option("--deny", help="Refuse the call instead.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the audit.")] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Let a parked call pass once, or list the calls that wait for a person.

    Example: corvus approve 01a222b4-ceed-7d99-b84d-e7f8963fe520 --reason "release day"
    """
    from corvus.model.approval import ApprovalRequest
    from corvus.runtime import local_actor, open_runtime

    most = _amount(amount)
    if approval_id is None and (deny or reason or amount):
        raise typer.BadParameter("name the call that is decided", param_hint="ID")
    if deny and most is not None:
        raise typer.BadParameter("a refused call costs nothing", param_hint="--amount")
    if approval_id is not None:
        refuse_in_run()
    runtime = open_runtime(config or (), sets=sets or (), ledger=ledger)
    if approval_id is None:
        require_named_books(runtime)
        say_governing(runtime)
        _list(_parked(runtime), output)
        return
    require_books(runtime)  # where nothing is, no call is parked
    say_governing(runtime)
    with runtime.steering() as governor:
        try:
            request = ApprovalRequest(
                approval_id, local_actor(), not deny, LOCAL, most, reason, Surface.CLI
            )
        except ValueError as mistake:
            raise typer.BadParameter(str(mistake), param_hint="--reason") from None
        decided = governor.decide_approval(request)
    done = "refused" if deny else "let pass once"
    emit(
        output,
        lambda: APPROVAL.body(decided),
        lambda: print(escape(f"{done}: {_whose(decided)}, {decided.model}, {_cost(decided)}")),
    )


def _parked(runtime: Runtime) -> list[Approval]:
    if not has_books(runtime):
        return []
    with runtime.steering() as governor:
        return governor.approvals()


def _list(parked: list[Approval], output: TextOrBody) -> None:
    def show() -> None:
        for one in parked:
            why = "; ".join(map(_room, one.blocking))
            until = f"until {one.deadline_at:%H:%M:%S} UTC"
            print(escape(f"{one.id}  {_whose(one)}, {one.model}, {_cost(one)}, {until}: {why}"))
        if not parked:
            print("no call waits for a person")

    emit(output, lambda: APPROVAL.bodies(parked), show)


def _room(budget: BlockingBudget) -> str:
    whose = f" of {budget.part}" if budget.part else ""
    needed, left, limit = (
        amount_words(amount, budget.measure)
        for amount in (budget.needed, budget.left, budget.limit)
    )
    return f"{budget.budget}{whose} has {left} left of {limit}, {needed} needed"


def _whose(approval: Approval) -> str:
    names = (approval.user, approval.agent, approval.project)
    return " / ".join(name for name in names if name) or f"session {approval.session_id}"


def _cost(approval: Approval) -> str:
    if approval.estimate_nano_usd is None:
        return "at an unknown cost"
    return f"at most ${usd_short(approval.estimate_nano_usd)}"


def _amount(text: str | None) -> NanoUSD | None:
    if text is None:
        return None
    try:
        amount = nano_usd(Decimal(text))
        if amount < 0:
            raise ValueError("below 0")
        return amount
    except (InvalidOperation, ValueError) as mistake:
        raise typer.BadParameter(
            f"an amount in USD, 0 or more, got {text!r} ({mistake})", param_hint="--amount"
        ) from None
