"""The tables of a policy test: cases, each of a call or of steps, and what they must come to.

A test file is a document of its own, which people write next to their config; the settings know
nothing of it. Its budgets are those of a policy, which is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from corvus.autonomy.decide import Verdict
from corvus.config.model.case_values import Instant, Length, Sums
from corvus.config.model.fields import (
    Amount,
    FilePath,
    Models,
    Names,
    Percents,
    StrictTable,
    Text,
    Whole,
    about,
)
from corvus.model.budget import Rung
from corvus.model.decision import BudgetState, Denial
from corvus.model.steering import MissionOutcome

if TYPE_CHECKING:
    _Rung: TypeAlias = str
    _State: TypeAlias = str
    _Reason: TypeAlias = str
    _Verdict: TypeAlias = str
    _Outcome: TypeAlias = str
else:
    _Rung = Literal[tuple(rung.value for rung in Rung)]
    _State = Literal[tuple(state.word for state in BudgetState)]
    _Reason = Literal[tuple(denial.value for denial in Denial)]
    _Verdict = Literal[tuple(verdict.value for verdict in Verdict)]
    _Outcome = Literal[tuple(outcome.value for outcome in MissionOutcome)]

DECISIONS = ("allowed", "refused", "waits", "asks")
"""What may become of a call: of one that waits, or asks a person, at first."""
_Decision: TypeAlias = Literal["allowed", "refused", "waits", "asks"]


def _at_least_one(value: dict[str, Any]) -> dict[str, Any]:
    if not value:
        raise PydanticCustomError("too_short", "one at least")
    return value


_Tags: TypeAlias = Annotated[dict[str, str], AfterValidator(_at_least_one)]


class CallTable(StrictTable):
    """A call that an agent is about to make."""

    model: Annotated[
        Text | None,
        about("The model, as the provider or the price book names it; each call has one."),
    ] = None
    input_tokens: Annotated[Whole | None, about("The most that it reads, tokens.")] = None
    max_output_tokens: Annotated[Whole | None, about("The most that it may write, tokens.")] = None
    estimate_usd: Annotated[
        Amount | None,
        about("What it may cost, USD, in place of a price; `cap` and `downgrade` need the price."),
    ] = None
    session: Annotated[Text | None, about("Its session; `test` where none is named.")] = None
    mission: Annotated[Text | None, about("Its mission inside that session.")] = None
    project: Annotated[Text | None, about("Its project.")] = None
    user: Annotated[Text | None, about("Its user.")] = None
    agent: Annotated[Text | None, about("The agent that makes it.")] = None
    subagent: Annotated[Text | None, about("The agent inside that agent.")] = None
    token: Annotated[Text | None, about("Name of the access token that it comes with.")] = None
    branch: Annotated[Text | None, about("The branch that it works on.")] = None
    provider: Annotated[
        Text | None, about("Who bills it; left out, the price book says who makes the model.")
    ] = None
    surface: Annotated[
        Text | None, about("Where it comes from, such as proxy or cli-code; python if left out.")
    ] = None
    service_tier: Annotated[Text | None, about("Tier that it asks for, such as batch.")] = None
    models: Annotated[
        Models | None, about("Models that may answer in its place; the most expensive counts.")
    ] = None
    tags: Annotated[_Tags | None, about("Its tags.")] = None
    rungs: Annotated[
        list[_Rung] | None,
        about("What its maker can follow in place of a refusal; all where it is left out."),
    ] = None


class GivenTable(StrictTable):
    """What stands before the first call."""

    spent: Annotated[Sums, about("What was spent, by budget.")] = Field(default_factory=Sums)
    held: Annotated[Sums, about("What other calls hold, by budget.")] = Field(default_factory=Sums)
    override: Annotated[bool, about("Whether the next block is lifted.")] = False


class ExpectTable(StrictTable):
    """What a call, or another step, must come to; what is left out may be anything."""

    decision: Annotated[
        _Decision | None,
        about(
            "What becomes of the call: `allowed` or `refused`; `waits` for other calls or `asks` a "
            "person at first."
        ),
    ] = None
    reason: Annotated[_Reason | None, about("Why it is refused.")] = None
    state: Annotated[_State | None, about("State of the budget that governs.")] = None
    budget: Annotated[Text | None, about("The budget that governs: that refuses, or warns.")] = None
    part: Annotated[
        Text | None, about("Of a budget with `per`: whose sum, such as ada, or ada,search.")
    ] = None
    message: Annotated[
        Text | None, about("Glob that the text of the refusal matches, such as *$20.00*.")
    ] = None
    rungs: Annotated[
        list[_Rung] | None,
        about("What is done in place of a refusal, in order; an empty list is nothing."),
    ] = None
    model: Annotated[Text | None, about("The model that is called, also in its place.")] = None
    output_cap_tokens: Annotated[
        Whole | None, about("The most that one answer may still write, tokens.")
    ] = None
    waited_seconds: Annotated[Amount | None, about("How long it waited, seconds.")] = None
    override: Annotated[bool | None, about("Whether an override lets it pass.")] = None
    alerts: Annotated[
        dict[str, Percents] | None,
        about(
            "The thresholds that this step came to, percents by budget, and no others; `{}` is "
            "none. What is spent comes to one, not what is held."
        ),
    ] = None
    spent: Annotated[Sums, about("What is spent after it, by budget.")] = Field(
        default_factory=Sums
    )
    held: Annotated[Sums, about("What is held after it, by budget.")] = Field(default_factory=Sums)
    verdict: Annotated[_Verdict | None, about("What follows for an action.")] = None


class SettleTable(StrictTable):
    """How a call ends that was allowed."""

    call: Annotated[Text | None, about("Name of its step; the last call that was made.")] = None
    cost_usd: Annotated[Amount | None, about("What it cost, USD; left out, what it held.")] = None
    input_tokens: Annotated[Whole | None, about("What it read, tokens.")] = None
    output_tokens: Annotated[Whole | None, about("What it wrote, tokens.")] = None


class ResetTable(StrictTable):
    """A new baseline for one sum."""

    budget: Annotated[Text, about("The budget.")]
    part: Annotated[Text | None, about("Of a budget with `per`: whose sum.")] = None


class OverrideTable(StrictTable):
    """The next block is lifted, once."""

    session: Annotated[Text | None, about("Only of a call of this session.")] = None


class ApproveTable(StrictTable):
    """A person lets a call pass that asks."""

    call: Annotated[Text | None, about("Name of its step; the last call that was made.")] = None
    amount_usd: Annotated[Amount | None, about("What it may cost at most, USD.")] = None


class MissionTable(StrictTable):
    """A mission begins in the session of the test."""

    mission: Annotated[Text, about("Its name.")]
    limit_usd: Annotated[Amount | None, about("What it may cost; left out, as [mission] says.")] = (
        None
    )
    max_steps: Annotated[Whole | None, about("Steps it may take; left out, as above.")] = None
    session: Annotated[Text | None, about("Its session; `test` where none is named.")] = None


class EndMissionTable(StrictTable):
    """A mission ends."""

    mission: Annotated[Text, about("Its name.")]
    outcome: Annotated[_Outcome, about("How it ends.")] = MissionOutcome.COMPLETED.value
    session: Annotated[Text | None, about("Its session; `test` where none is named.")] = None


class ActTable(StrictTable):
    """An action of an agent, which `[autonomy]` judges."""

    command: Annotated[Text | None, about("A command, as it would be given to sh -c.")] = None
    tool: Annotated[Text | None, about("A tool other than the shell.")] = None
    paths: Annotated[Names | None, about("Paths that it touches.")] = None
    reads_only: Annotated[bool, about("The tool changes nothing.")] = False
    approved: Annotated[bool, about("A person has approved it.")] = False


class StepTable(StrictTable):
    """One step: exactly one thing that happens, and what it must come to."""

    name: Annotated[Text | None, about("Name of a call, for the steps after it.")] = None
    call: Annotated[CallTable | None, about("A call is made.")] = None
    settle: Annotated[SettleTable | None, about("A call is over; `{}` is the last one.")] = None
    release: Annotated[Text | None, about("This call was never made: its hold is freed.")] = None
    advance: Annotated[Length | None, about("Time passes: 90s, 5m, 2h, 7d.")] = None
    at: Annotated[Instant | None, about("The clock moves on to this instant.")] = None
    reset: Annotated[ResetTable | None, about("A sum starts again.")] = None
    override: Annotated[OverrideTable | None, about("The next block is lifted, once.")] = None
    approve: Annotated[ApproveTable | None, about("A person lets a call pass that asks.")] = None
    deny: Annotated[Text | None, about("A person refuses this call, which asks.")] = None
    start_mission: Annotated[MissionTable | None, about("A mission begins.")] = None
    end_mission: Annotated[EndMissionTable | None, about("A mission ends.")] = None
    close_session: Annotated[Text | None, about("This session ends.")] = None
    act: Annotated[ActTable | None, about("An agent is about to act.")] = None
    expect: Annotated[ExpectTable | None, about("What the step must come to.")] = None


VERBS = tuple(key for key in StepTable.model_fields if key not in ("name", "expect"))
"""The keys of a step of which it has exactly one."""


class CaseTable(StrictTable):
    """One case: a call, or steps one after the other, by a policy in whose store nothing is yet."""

    name: Annotated[Text, about("What the case shows, in a few words; each has its own.")]
    at: Annotated[
        Instant | None, about("The instant of its first call; left out, that of the file.")
    ] = None
    given: Annotated[GivenTable | None, about("What stands before.")] = None
    call: Annotated[CallTable | None, about("The call; in its place `step` has several.")] = None
    expect: Annotated[ExpectTable | None, about("What the call must come to.")] = None
    step: Annotated[list[StepTable], about("What happens, in order.")] = Field(
        default_factory=list[StepTable]
    )


class CasesTable(StrictTable):
    """A test file: cases of a policy."""

    config: Annotated[
        FilePath | None,
        about(
            "The config under test, from the folder of this file; left out, the corvus.toml there "
            "or in a folder above. --config goes before it."
        ),
    ] = None
    at: Annotated[
        Instant | None,
        about("The instant of cases that state none; left out, 2026-11-25T12:00:00Z."),
    ] = None
    call: Annotated[CallTable | None, about("What each call says that does not say otherwise.")] = (
        None
    )
    case: Annotated[list[CaseTable], about("The cases.")] = Field(default_factory=list[CaseTable])
