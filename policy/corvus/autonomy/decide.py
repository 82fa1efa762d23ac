"""What an agent may do without asking, and the decision about one action (ACT-1).

A pure rule over the compiled ``[autonomy]`` and the text of an action: no clock, no file system, no
counting. How many actions there may be is counted elsewhere (``corvus.governor.actions``).

Reasons are found in this order, and the strictest one decides: a command that cannot be read as
plain words, level ``readonly``, then for each simple command its variables, its program, its
arguments, its paths and its risk, then the lists of tools. Refuses to treat an unknown thing as
harmless: what no list names needs approval or is denied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from corvus.autonomy.paths import NOWHERE, Surroundings, path_refusal, paths_in
from corvus.autonomy.risk import Risk, program_of, refused_argument, risk_of
from corvus.autonomy.shell import Segment, UnreadableCommand, quoted, read_command
from corvus.base.errors import PolicyError

SHELL = "shell"
"""The tool that runs commands, as the lists of tools name it."""


class Verdict(StrEnum):
    """What follows for an action, from the mildest to the strictest."""

    ALLOW = "allow"
    NEEDS_APPROVAL = "needs_approval"
    DENY = "deny"


class Rule(StrEnum):
    """Which rule decided; the first group are commands that are refused as they are written."""

    CHARACTER = "character"
    COMMENT = "comment"
    EMPTY = "empty"
    GROUPING = "grouping"
    OPERATOR = "operator"
    QUOTING = "quoting"
    REDIRECT = "redirect"
    SUBSTITUTION = "substitution"

    READ_ONLY = "read_only"
    ASSIGNMENT = "assignment"
    COMMAND = "command"
    ARGUMENT = "argument"
    PATH = "path"
    RISK = "risk"
    ALWAYS_ASK = "always_ask"
    AUTO_APPROVE = "auto_approve"
    LEVEL = "level"
    TOOL = "tool"
    ACTION_RATE = "action_rate"


@dataclass(frozen=True, slots=True)
class Action:
    """What an agent is about to do: a command, or the use of a tool.

    Attributes:
        command: A command as it would be given to ``sh -c``; ``None`` for any other tool.
        tool: Name of the tool.
        paths: Paths that it touches, next to those in the command.
        reads_only: Whether the tool changes nothing, as its runtime knows; a command is an act.
        around: Where it takes place.

    Raises:
        ValueError: It has no tool, or a command and another tool than the shell.
    """

    command: str | None = None
    tool: str = SHELL
    paths: tuple[str, ...] = ()
    reads_only: bool = False
    around: Surroundings = NOWHERE

    def __post_init__(self) -> None:
        if not self.tool.strip():
            raise ValueError("an action names its tool")
        if self.command is None and self.tool == SHELL:
            raise ValueError("the shell needs a command")
        if self.command is not None and (self.tool != SHELL or self.reads_only):
            raise ValueError("a command is an act of the shell, and of no other tool")


@dataclass(frozen=True, slots=True)
class ActionDecision:
    """What was decided about an action.

    Attributes:
        reason: Why, and where it can be what to do, for a person; no word about money.
        rule: Which rule decided.
        risk: The highest risk of a command that could be judged; ``None`` of other tools.
    """

    verdict: Verdict
    reason: str
    rule: Rule
    risk: Risk | None = None


CONFIG_KEY = "autonomy.max_actions_per_hour"
"""The key that limits how many actions a principal may take."""


@dataclass(frozen=True, slots=True)
class Autonomy:
    """What an agent may do, compiled from ``[autonomy]`` (ACT-1).

    Attributes:
        max_actions_per_hour: Actions admitted in any 3600 s; 0 blocks every action (CFG-7).
    """

    level: Literal["readonly", "supervised", "full"]
    workspace_only: bool
    allowed_commands: tuple[str, ...]
    forbidden_paths: tuple[str, ...]
    auto_approve: tuple[str, ...]
    always_ask: tuple[str, ...]
    max_actions_per_hour: int
    require_approval_for_medium_risk: bool
    block_high_risk_commands: bool

    def decide(self, action: Action) -> ActionDecision:
        """Decide whether an action is allowed, needs the approval of a person, or is denied."""
        decisions = [*self._of_paths(action.paths, action.around)]
        if action.command is None:
            decisions.append(self._of_tool(action))
        else:
            decisions += self._of_command(action.command, action.around)
        return max(decisions, key=lambda decision: _STRICTNESS[decision.verdict])

    def _of_tool(self, action: Action) -> ActionDecision:
        tool = action.tool
        if action.reads_only and tool not in self.always_ask:
            return ActionDecision(Verdict.ALLOW, f"{quoted(tool)} only reads", Rule.LEVEL)
        if self.level == "readonly" and not action.reads_only:
            return _read_only(tool)
        if tool in self.always_ask:
            return _asked(tool)
        if tool in self.auto_approve:
            reason = f"{tool} is in autonomy.auto_approve"
            return ActionDecision(Verdict.ALLOW, reason, Rule.AUTO_APPROVE)
        if self.level == "full":
            return ActionDecision(Verdict.ALLOW, "autonomy.level is full", Rule.LEVEL)
        reason = f"{quoted(tool)} is not in autonomy.auto_approve"
        return ActionDecision(Verdict.NEEDS_APPROVAL, reason, Rule.TOOL)

    def _of_command(self, command: str, around: Surroundings) -> Iterator[ActionDecision]:
        segments = read_command(command)
        if isinstance(segments, UnreadableCommand):
            yield ActionDecision(Verdict.DENY, segments.reason, Rule(segments.rule))
            return
        if self.level == "readonly":
            yield _read_only(program_of(segments[0][0].text))
            return
        risk = max((risk_of(segment)[0] for segment in segments), key=_RISKS.index)
        for segment in segments:
            for decision in self._of_segment(segment, around):
                yield ActionDecision(decision.verdict, decision.reason, decision.rule, risk)
        if SHELL in self.always_ask:
            yield ActionDecision(*_plain(_asked(SHELL)), risk)

    def _of_segment(self, segment: Segment, around: Surroundings) -> Iterator[ActionDecision]:
        name = segment[0].text
        if _ASSIGNMENT.match(name):
            name = quoted(name.partition("=")[0])
            reason = f"{name} is set, and a variable may change what a program does"
            yield ActionDecision(Verdict.DENY, reason, Rule.ASSIGNMENT)
            return
        if name not in self.allowed_commands:
            reason = f"{quoted(name)} is not in autonomy.allowed_commands"
            yield ActionDecision(Verdict.DENY, reason, Rule.COMMAND)
        if (refused := refused_argument(segment)) is not None:
            yield ActionDecision(Verdict.DENY, refused, Rule.ARGUMENT)
        for word in _with_paths(segment):
            yield from self._of_paths(paths_in(word), around)
        yield self._of_risk(segment)

    def _of_paths(
        self, paths: Sequence[str] | Iterator[str], around: Surroundings
    ) -> Iterator[ActionDecision]:
        for path in paths:
            only = self.workspace_only
            reason = path_refusal(path, self.forbidden_paths, around, workspace_only=only)
            if reason is not None:
                yield ActionDecision(Verdict.DENY, reason, Rule.PATH)

    def _of_risk(self, segment: Segment) -> ActionDecision:
        risk, why = risk_of(segment)
        needs_approval = ActionDecision(Verdict.NEEDS_APPROVAL, why, Rule.RISK)
        is_supervised = self.level == "supervised"
        if risk is Risk.HIGH and self.block_high_risk_commands:
            reason = f"{why}; autonomy.block_high_risk_commands refuses it"
            return ActionDecision(Verdict.DENY, reason, Rule.RISK)
        if risk is Risk.HIGH and is_supervised:
            return needs_approval
        if risk is Risk.MEDIUM and is_supervised and self.require_approval_for_medium_risk:
            return needs_approval
        return ActionDecision(Verdict.ALLOW, why, Rule.RISK)


_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_STRICTNESS = {verdict: place for place, verdict in enumerate(Verdict)}
_RISKS = [*Risk]
_PATTERN_ELSEWHERE = re.compile(r"-[A-Za-z]*[ef]|--(?:r|f|e|inc|dir|dev|bin)")


def _read_only(what: str) -> ActionDecision:
    reason = f"autonomy.level is readonly: {quoted(what)} is an act, and only reading is allowed"
    return ActionDecision(Verdict.DENY, reason, Rule.READ_ONLY)


def _asked(tool: str) -> ActionDecision:
    reason = f"{tool} is in autonomy.always_ask"
    return ActionDecision(Verdict.NEEDS_APPROVAL, reason, Rule.ALWAYS_ASK)


def _plain(decision: ActionDecision) -> tuple[Verdict, str, Rule]:
    return decision.verdict, decision.reason, decision.rule


def _with_paths(segment: Segment) -> list[str]:
    """Return the arguments that may name paths: not what ``echo`` prints or ``grep`` looks for."""
    program, *arguments = (word.text for word in segment)
    if program == "echo":
        return []
    if program == "grep" and not any(_PATTERN_ELSEWHERE.match(word) for word in arguments):
        pattern = next((word for word in arguments if not word.startswith("-")), None)
        if pattern is not None:
            arguments.remove(pattern)
    return arguments


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """What was decided about an action, and how many its principal has had.

    Attributes:
        is_counted: Whether the action was admitted and counts from now on.
        admitted: Actions of the principal in the last 3600 seconds, this one included if counted.
        limit: How many there may be; 0 blocks every action.
        resets_at: When an action may be admitted again, or while there is room, when the oldest
            falls out; ``None`` when waiting changes nothing.
        policy_hash: Content hash of the policy that decided.
        wait_seconds: Whole seconds from the decision to ``resets_at``, rounded up, when the rate
            refused; ``None`` when waiting changes nothing.
    """

    decision: ActionDecision
    is_counted: bool
    admitted: int
    limit: int
    resets_at: datetime | None
    policy_hash: str
    wait_seconds: int | None = None

    @property
    def allowed(self) -> bool:
        """Whether the action may be done; approval that is still needed is no permission."""
        return self.decision.verdict is Verdict.ALLOW

    @property
    def code(self) -> str | None:
        """Why the action may not be done, for a program; ``None`` when it may."""
        match self.decision:
            case ActionDecision(verdict=Verdict.ALLOW):
                return None
            case ActionDecision(verdict=Verdict.NEEDS_APPROVAL):
                return "approval_needed"
            case ActionDecision(rule=Rule.ACTION_RATE):
                return "action_rate_exceeded"
            case _:
                return "action_denied"


class ActionRefused(PolicyError):
    """Autonomy: an action is denied, or a person must approve it first (ACT-1).

    Attributes:
        answer: All that was decided, and how many actions there were.
    """

    code = "action-refused"

    def __init__(self, message: str, answer: ActionAnswer) -> None:
        super().__init__(message)
        self.answer = answer


class ActionRateExceeded(ActionRefused):
    """Action rate: the hour has had all its actions (ACT-2)."""

    code = "action-rate-exceeded"
