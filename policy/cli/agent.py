"""``corvus agent`` and ``corvus code``: run a command whose model calls are paid from a budget.

The command's calls go through a proxy that lives as long as the command. Standard output is the
command's alone; what corvus says goes to standard error. A summary that fails is told and changes
nothing about how the run ended (CLI-4, CLI-5).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from policy.cli.common import warn_unused
from policy.cli.options import Config, LedgerPath, Sets
from policy.errors import GatewayRefused, PolicyError, SteeringRefused

if TYPE_CHECKING:
    from policy.governor.governor import Governor
    from policy.model.decision import Decision
    from policy.model.gateway import GatewayOptions, Upstream
    from policy.money import NanoUSD
    from policy.runtime import Runtime

Command = Annotated[
    list[str], typer.Argument(metavar="COMMAND...", help="What to run, with its own options.")
]
Session = Annotated[
    str | None,
    typer.Option("--session", envvar="CORVUS_SESSION_ID", help="Session of the run; default: new."),
]
MissionName = Annotated[
    str | None, typer.Option("--mission", help="Run it as a mission of this name.")
]
Limit = Annotated[str | None, typer.Option("--limit", metavar="USD", help="Limit of the mission.")]
OverrideBudget = Annotated[
    bool, typer.Option("--override-budget", help="Lift the first block of the run, once.")
]
PassThrough = Annotated[
    bool,
    typer.Option("--pass-through", help="Leave the command its own log-in instead of our keys."),
]


def agent(
    command: Command,
    *,
    session: Session = None,
    mission: MissionName = None,
    limit: Limit = None,
    override_budget: OverrideBudget = False,
    pass_through: PassThrough = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Run an agent whose model calls are paid from the budgets.

    Example: corvus agent --mission triage --limit 2.50 -- python agent.py
    """
    runtime = _runtime(config, sets, ledger)
    run = Run(runtime, "cli-agent", session, pass_through=pass_through)
    raise typer.Exit(run.go(command, mission, _amount(limit, mission), override_budget))


def code(
    command: Command,
    *,
    session: Session = None,
    mission: MissionName = None,
    limit: Limit = None,
    override_budget: OverrideBudget = False,
    pass_through: PassThrough = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Run a coding agent, such as claude or codex, whose calls are paid from the budgets.

    Example: corvus code -- claude -p "fix the tests"
    """
    runtime = _runtime(config, sets, ledger)
    run = Run(runtime, "cli-code", session, pass_through=pass_through)
    raise typer.Exit(run.go(command, mission, _amount(limit, mission), override_budget))


class Run:
    """One run of a command.

    Args:
        runtime: The config in force.
        surface: ``cli-agent`` or ``cli-code``.
        session: The session named by the user.
        pass_through: Whether the command keeps its own log-in.
    """

    def __init__(
        self, runtime: Runtime, surface: str, session: str | None, *, pass_through: bool
    ) -> None:
        from policy.clock import microseconds
        from policy.ids import new_id

        self._runtime = runtime
        self._surface = surface
        self._is_own = not session
        self.session_id = session or new_id(microseconds(runtime.clock.now()))
        self._options = _with_upstreams(runtime.gateway, pass_through=pass_through)
        self._passes = any(one.pass_through for one in self._options.upstreams)
        self._last: Decision | None = None

    def go(
        self, command: list[str], mission: str | None, limit: NanoUSD | None, override: bool
    ) -> int:
        """Run it, and return the exit code of ours.

        Raises:
            SteeringRefused: The override or the mission cannot be had; nothing was run.
            GatewayRefused: The proxy or the command cannot be started.
        """
        with self._runtime.governor() as governor:
            if override:
                self._override(governor)
            if mission is not None:
                self._start_mission(governor, mission, limit)
            print(f"corvus: session {self.session_id} starts", file=sys.stderr, flush=True)
            exit_code: int | None = None
            try:
                exit_code = self._serve_and_run(governor, command, mission)
            finally:
                self._end(governor, mission, exit_code)
        assert exit_code is not None, "a run without an exit code has raised"
        return self._told(exit_code)

    def _serve_and_run(self, governor: Governor, command: list[str], mission: str | None) -> int:
        from policy.cli.child import command_of, environment_of, run_child
        from policy.model.token import new_secret

        try:
            from policy.gateway.asking import Caller
            from policy.gateway.auth import RunKey
            from policy.gateway.local import serve_locally
            from policy.gateway.proxy import Proxy
        except ModuleNotFoundError as missing:
            raise GatewayRefused(
                f"the proxy needs {missing.name}: pip install 'corvus-policy[gateway]'"
            ) from None
        secret = new_secret()
        proxy = Proxy(
            lambda: governor,
            self._options,
            fixed=Caller(self.session_id, self._surface, mission),
            on_decision=self._hear,
        )
        key = RunKey(secret, self._runtime.clock.now(), is_needed=not self._passes)
        with serve_locally(proxy, self._options, key, needs_key=not self._passes) as port:
            url = f"http://127.0.0.1:{port}"
            environment = environment_of(
                os.environ,
                url,
                None if self._passes else secret,
                upstreams=self._options.upstreams,
                session_id=self.session_id,
            )
            return run_child(command_of(command, url, has_key=not self._passes), environment)

    def _hear(self, decision: Decision) -> None:
        self._last = decision

    def _override(self, governor: Governor) -> None:
        from policy.actor import local_actor
        from policy.model.steering import OverrideRequest

        wish = OverrideRequest(
            local_actor(), "asked for the run", self.session_id, surface=self._surface
        )
        governor.override(wish)

    def _start_mission(self, governor: Governor, mission: str, limit: NanoUSD | None) -> None:
        from policy.model.steering import MissionRequest

        governor.start_mission(MissionRequest(self.session_id, mission, limit))

    def _end(self, governor: Governor, mission: str | None, exit_code: int | None) -> None:
        """Close what was opened, and show the summary; a fault here changes nothing."""
        from policy.model.steering import MissionOutcome

        shown = "was not run" if exit_code is None else f"ended with {exit_code}"
        print(f"corvus: session {self.session_id} {shown}", file=sys.stderr, flush=True)
        try:
            if mission is not None:
                ok = exit_code == 0
                outcome = MissionOutcome.COMPLETED if ok else MissionOutcome.FAILED
                governor.end_mission(self.session_id, mission, outcome)
            if self._is_own and self._last is not None:
                with suppress(SteeringRefused):
                    governor.close_session(self.session_id)
            self._show(governor, mission)
        except PolicyError as fault:
            print(f"corvus: no summary: {fault}", file=sys.stderr, flush=True)

    def _show(self, governor: Governor, mission: str | None) -> None:
        from policy.cli import summary_table, summary_text

        status = governor.status(self.session_id, mission)
        if sys.stderr.isatty():
            summary_table.print_table(self._runtime, status, stderr=True)
        else:
            print("\n".join(summary_text.kv(self._runtime, status)), file=sys.stderr, flush=True)
        if self._runtime.policy.enabled:
            self._runtime.bookkeeping.drain(governor.store)

    def _told(self, exit_code: int) -> int:
        """Return the exit code: the command's own, unless a budget stopped it (DIA-5, CLI-5)."""
        last = self._last
        if exit_code == 0 or last is None or last.allowed:
            return exit_code
        from policy.cli.denied import tell_denial

        return tell_denial(last)


def _with_upstreams(options: GatewayOptions, *, pass_through: bool) -> GatewayOptions:
    """Return the options with both providers: those of the config, else the makers' own."""
    from policy.model.gateway import Kind, Upstream

    usual = {
        Kind.OPENAI: Upstream("openai", "https://api.openai.com/v1", Kind.OPENAI, _KEY_OPENAI),
        Kind.ANTHROPIC: Upstream(
            "anthropic", "https://api.anthropic.com", Kind.ANTHROPIC, _KEY_ANTHROPIC
        ),
    }
    configured = {one.kind for one in options.upstreams}
    missing = [one for kind, one in usual.items() if kind not in configured]
    upstreams: list[Upstream] = [*options.upstreams, *missing]
    if pass_through:
        upstreams = [replace(one, pass_through=True) for one in upstreams]
    return replace(options, upstreams=tuple(upstreams))


_KEY_OPENAI, _KEY_ANTHROPIC = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"


def _runtime(config: Config, sets: Sets, ledger: LedgerPath) -> Runtime:
    from policy.runtime import open_runtime

    runtime = open_runtime(config or (), sets=sets or (), ledger=ledger)
    warn_unused(runtime)
    return runtime


def _amount(limit: str | None, mission: str | None) -> NanoUSD | None:
    """Read the limit of a mission, nano-USD."""
    from decimal import Decimal, InvalidOperation

    from policy.money import nano_usd

    if limit is None:
        return None
    if mission is None:
        raise typer.BadParameter("a limit belongs to a mission: name it", param_hint="--limit")
    try:
        amount = nano_usd(Decimal(limit))
    except (ValueError, InvalidOperation):
        amount = None
    if amount is None or amount < 0:
        raise typer.BadParameter("an amount in USD, such as 2.50", param_hint="--limit")
    return amount
