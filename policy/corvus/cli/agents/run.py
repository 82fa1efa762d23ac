"""One run of a command behind a proxy of its own (CLI-4).

Everything that may refuse the run comes before anything is opened: the limits, the command, the
libraries, the proxy. Whatever was opened is closed on every way out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from corvus.base.errors import GatewayRefused, PolicyError, RunRefused, SteeringRefused
from corvus.cli.agents import run_text, runfile
from corvus.cli.agents.checkout import checkout_of
from corvus.cli.agents.child import MARK, environment_of, find_command, run_child
from corvus.cli.agents.clients import Situation, setup_of
from corvus.cli.agents.hidden import Hidden, hidden_of, refuse_shown_password
from corvus.cli.agents.leads import run_keys, with_upstreams
from corvus.cli.agents.run_budgets import budgets_of_run, known_of_run
from corvus.cli.agents.run_text import refuse_without_budget
from corvus.cli.agents.tally import Tally
from corvus.cli.credentials import STORE_PASSWORD, hide
from corvus.compile import RunLimits
from corvus.model.steering import MissionOutcome, MissionRequest, OverrideRequest

if TYPE_CHECKING:
    from corvus.base.money import NanoUSD
    from corvus.governor.governor import Governor
    from corvus.model.budget import Budget
    from corvus.model.gateway import Kind
    from corvus.model.status_report import StatusReport
    from corvus.runtime import Runtime


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the command line asks for.

    Attributes:
        surface: ``cli-agent`` or ``cli-code``.
        session: The session named by the user.
        mission: The mission named by the user.
        limits: What the options limit.
        override: Whether to lift the first block.
        ungoverned: Whether to run although nothing limits it.
        pass_through: Whether the command keeps its own log-in.
        passed: Variables that the command shall get although they hold keys.
        branch: The branch that its calls are of; ``None`` is that of the working directory.
        log_in_of: With ``pass_through``: the API whose log-in alone the command keeps, as there is
            no key; ``None`` where the user asked for it, so that keys stay, too.
        is_quiet: Whether neither start nor end of a run that goes well is said.
        project: The project that session, mission and calls are of.
    """

    surface: str
    session: str | None = None
    mission: str | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    override: bool = False
    ungoverned: bool = False
    pass_through: bool = False
    passed: tuple[str, ...] = ()
    branch: str | None = None
    log_in_of: Kind | None = None
    is_quiet: bool = False
    project: str | None = None


class Run:
    """One run.

    Args:
        runtime: The config in force.
        request: What the command line asks for.

    Raises:
        RunRefused: It asks for what contradicts itself, or nothing limits the run.
    """

    def __init__(self, runtime: Runtime, request: RunRequest) -> None:
        from corvus.base.ids import new_id
        from corvus.base.time import microseconds

        if os.environ.get(MARK):
            raise RunRefused(
                "this is a governed run already, and its command pays from those budgets: run the "
                f"command by itself, without `corvus agent` or `corvus code`; {MARK} marks the run"
            )
        self._runtime = runtime.limited(request.limits)
        self._request = request
        self._id = new_id(microseconds(runtime.clock.now()))
        self.session_id = request.session or self._id
        self._mission = request.mission
        if request.mission is None and request.limits.run_nano_usd is not None:
            self._mission = f"run-{self._id}"
        self._configured = frozenset(upstream.kind for upstream in runtime.gateway.upstreams)
        self._options = with_upstreams(runtime.gateway, pass_through=request.pass_through)
        self._checkout = checkout_of(Path.cwd(), request.branch)
        self._known = known_of_run(
            request.surface,
            project=request.project,
            branch=self._checkout.branch,
            tags=self._checkout.tags(),
        )
        self._keeps_log_in = any(upstream.pass_through for upstream in self._options.upstreams)
        self._budgets = self._require_budget()
        refuse_shown_password(self._runtime)
        self._tally = Tally()

    def go(self, command: list[str]) -> int:
        """Run a command, and return the exit code of ours.

        Raises:
            RunRefused: There is no such command, or it cannot be executed.
            SteeringRefused: The override or the mission cannot be had; nothing was run.
            GatewayRefused: The proxy cannot be started, or its libraries are missing.
        """
        from corvus.observability.log import warning_on

        path = find_command(command[0], os.environ.get("PATH"))
        self._require_store()
        _require_extra()
        everything = dict(os.environ)
        hidden = self._hidden(everything)
        with (
            warning_on(sys.stderr),
            self._runtime.governor() as governor,
            self._notifying(governor, everything),
        ):
            runs = runfile.folder_of(self._runtime.ledger_path)
            if self._runtime.policy.enabled:
                runfile.end_dead_runs(runs, governor)
            with self._proxy(governor, everything) as (url, secret), self._folder() as folder:
                hide({*hidden.names, *run_keys(self._configured)}, needed=[STORE_PASSWORD])
                words, variables = setup_of(
                    command,
                    Situation(
                        url, secret, self._options.upstreams, self._configured, everything, folder
                    ),
                )
                kept = hidden.left_of(everything)
                environment = environment_of(
                    kept, variables, session_id=self.session_id, run_id=self._id
                )
                with self._opened(governor, runs), self._card(governor):
                    exit_code: int | None = None
                    try:
                        self._say_start(governor, hidden)
                        exit_code = run_child(path, words, environment, folder)
                    finally:
                        self._end(governor, exit_code)
        return self._told(exit_code)

    def _hidden(self, environment: dict[str, str]) -> Hidden:
        given = self._runtime, self._options, environment
        return hidden_of(*given, request=self._request, keeps_log_in=self._keeps_log_in)

    def _require_store(self) -> None:
        """Ask a store that hosts share whether it is there, before what serves a run is loaded.

        Raises:
            StoreUnavailable: It is not; the answer takes less time than the loading.
        """
        place = self._runtime.bookkeeping.place
        if self._runtime.policy.enabled and place.is_shared:
            _ = place.exists  # one that nobody has made yet is made by the first governed call

    def _require_budget(self) -> list[Budget]:
        """Return the budgets that limit the run.

        Raises:
            RunRefused: There is none, and the user did not say ``--ungoverned``; or the user said
                so in addition to a limit.
        """
        request = self._request
        if request.ungoverned and request.limits.options:
            raise RunRefused(
                f"--ungoverned contradicts {' '.join(request.limits.options)}: "
                "leave one of them out"
            )
        for name in request.passed:
            if name in run_keys(self._configured) and not self._keeps_log_in:
                raise RunRefused(
                    f"--pass-env {name}: the command gets the key of the run in its place; "
                    "--pass-through leaves it its own log-in"
                )
        providers = {
            word
            for upstream in self._options.upstreams
            for word in (upstream.name, upstream.kind.value)
        }
        budgets = budgets_of_run(
            self._runtime.policy,
            self._known,
            providers,
            in_mission=request.mission is not None,
        )
        if not budgets and request.limits.run_nano_usd is None and not request.ungoverned:
            refuse_without_budget(self._runtime, request.surface)
        return budgets

    @contextmanager
    def _proxy(
        self, governor: Governor, environment: dict[str, str]
    ) -> Generator[tuple[str, str | None]]:
        """Serve the proxy; yields its URL and the key of the run, ``None`` where none is needed."""
        from corvus.gateway.auth import RunKey
        from corvus.gateway.proxy.callers import Caller
        from corvus.gateway.proxy.local import serve_locally
        from corvus.gateway.proxy.proxy import Proxy
        from corvus.governor.upkeep import keeping_up
        from corvus.model.token import new_secret

        secret = new_secret()
        proxy = Proxy(
            lambda: governor,
            self._options,
            fixed=Caller(
                self.session_id,
                self._request.surface,
                self._mission,
                self._request.project,
                branch=self._checkout.branch,
                tags=self._checkout.tags(),
            ),
            environment=environment,
            on_verdict=self._tally.hear,
        )
        proxy.on_ungoverned = self._tally.hear_ungoverned
        needs_key = not self._keeps_log_in
        key = RunKey(secret, self._runtime.clock.now(), is_needed=needs_key)
        with (
            keeping_up(governor.keep_up),
            serve_locally(proxy, self._options, key, needs_key=needs_key) as port,
        ):
            yield f"http://127.0.0.1:{port}", secret if needs_key else None

    @contextmanager
    def _folder(self) -> Generator[Path]:
        """Yield a folder for the settings of the command, which is gone with the run.

        Raises:
            RunRefused: There is no place for it.
        """
        try:
            folder = TemporaryDirectory(prefix="corvus-run-", ignore_cleanup_errors=True)
        except OSError as fault:
            reason = fault.strerror or str(fault)
            raise RunRefused(f"no folder can be made for the run: {reason}") from fault
        with folder as name:
            yield Path(name)

    @contextmanager
    def _notifying(self, governor: Governor, environment: dict[str, str]) -> Generator[None]:
        """Deliver notifications while the command runs, and what is due at its end."""
        targets = self._runtime.notify
        if not targets or not self._runtime.policy.enabled:
            yield
            return
        from corvus.observability.notify.delivery import Notifier
        from corvus.observability.redact import Redactor
        from corvus.observability.sinks import hash_key

        key = hash_key(governor.recorded_in.run(lambda unit: unit.state.store_id))
        redactor = Redactor(self._runtime.books, key)
        stores = {governor.store, governor.recorded_in}
        notifier = Notifier([*stores], targets, redactor, environment=environment)
        try:
            yield
        finally:
            notifier.close()

    @contextmanager
    def _opened(self, governor: Governor, runs: Path) -> Generator[None]:
        """Open the mission and grant the override; what is refused leaves nothing behind."""
        if self._request.override:
            from corvus.governor.overrides import require_allowed

            require_allowed(self._runtime.policy)
        run = runfile.OpenRun(
            self._id,
            self.session_id,
            self._mission,
            is_own_session=not self._request.session,
            project=self._request.project,
        )
        noting = runfile.noted(runs, run) if self._runtime.policy.enabled else nullcontext()
        with noting:
            if self._mission is not None:
                governor.start_mission(self._mission_request(self._mission))
            if self._request.override:
                self._override(governor)
            yield

    def _card(self, governor: Governor) -> AbstractContextManager[None]:
        """Keep what `corvus statusline` reads in the command: limits of a run are in no config."""
        if not self._runtime.policy.enabled:
            return nullcontext()
        from corvus.cli.everyday.card import of_run
        from corvus.cli.everyday.card_budgets import RunOnCard

        mission = None if self._mission is None else self._mission_request(self._mission)
        run = RunOnCard(self._id, self.session_id, mission, self._request.limits, self._known)
        return of_run(self._runtime, run, governor)

    def _mission_request(self, mission: str) -> MissionRequest:
        limit = self._request.limits.run_nano_usd
        if self._request.mission is None:  # the run itself: the config's bounds of missions are not
            return MissionRequest(self.session_id, mission, limit, 0, 0, self._request.project)
        lower = self._lower(limit)
        return MissionRequest(self.session_id, mission, lower, project=self._request.project)

    def _lower(self, limit: NanoUSD | None) -> NanoUSD | None:
        """Return the lower of an option and the config's limit of missions: both hold."""
        from corvus.base.money import NanoUSD
        from corvus.governor.rules import MISSION

        configured = [
            NanoUSD(budget.limit)
            for budget in self._runtime.policy.budgets
            if budget.name == MISSION and budget.limit
        ]
        return limit if limit is None else min([limit, *configured])

    def _override(self, governor: Governor) -> None:
        from corvus.runtime import local_actor

        governor.override(
            OverrideRequest(
                local_actor(),
                "asked for the run",
                self.session_id,
                surface=self._request.surface,
                project=self._request.project,
            )
        )

    def _say_start(self, governor: Governor, hidden: Hidden) -> None:
        runtime = self._runtime
        is_limited = bool(self._budgets) or self._request.limits.run_nano_usd is not None
        if not is_limited:
            run_text.say(run_text.ungoverned(runtime, self.session_id))
        elif not self._request.is_quiet:
            status = self._status(governor)
            source = run_text.source_of(runtime, self._request.limits.options)
            session, project = self.session_id, self._request.project
            run_text.say(run_text.started(source, status, self._budgets, session, project))
        cautions = run_text.cautions(
            runtime,
            self._budgets,
            has_own_limit=self._request.limits.run_nano_usd is not None,
            keeps_log_in=self._keeps_log_in,
        )
        for caution in cautions:
            run_text.say(caution)
        replaced = () if self._keeps_log_in else run_keys(self._configured)
        names = hidden.shown(replaced)
        if names and not self._request.is_quiet:
            run_text.say(run_text.withheld(names))

    def _end(self, governor: Governor, exit_code: int | None) -> None:
        """Close what was opened, and show the summary; a fault here changes nothing."""
        shown = "was not run" if exit_code is None else f"ended with {exit_code}"
        if not self._request.is_quiet:
            run_text.say(f"corvus: session {self.session_id} {shown}")
        project = self._request.project
        try:
            if self._mission is not None:
                ok = exit_code == 0
                outcome = MissionOutcome.COMPLETED if ok else MissionOutcome.FAILED
                governor.end_mission(self.session_id, self._mission, outcome, project)
            if not self._request.session and self._tally.last is not None:
                with suppress(SteeringRefused):
                    governor.close_session(self.session_id, project)
            self._show(governor)
        except PolicyError as fault:
            run_text.say(f"corvus: no summary: {fault}")

    def _show(self, governor: Governor) -> None:
        from corvus.cli.budgets import lines, summary

        if self._tally.last is None:
            run_text.say(run_text.no_call(self._tally.refused, self._tally.ungoverned))
        elif not self._request.is_quiet:
            if (line := self._tally.line()) is not None:
                run_text.say(line)
            status = self._status(governor)
            if sys.stderr.isatty():
                summary.print_table(self._runtime, status, stderr=True)
            else:
                print("\n".join(lines.short_kv(self._runtime, status)), file=sys.stderr)
                sys.stderr.flush()
        if self._runtime.policy.enabled:
            learns = self._runtime.policy.hold == "expected"
            governor.report()
            self._runtime.bookkeeping.drain(governor.recorded_in, learns=learns)

    def _status(self, governor: Governor) -> StatusReport:
        return governor.status(self.session_id, self._mission, project=self._request.project)

    def _told(self, exit_code: int | None) -> int:
        """Return the exit code: the command's own, unless a budget stopped it (DIA-5, CLI-5).

        A budget stopped a command that failed after a refusal, and one that got nothing but
        refusals: whatever it says of itself, it has done nothing.
        """
        assert exit_code is not None, "a run without an exit code has raised"
        last = self._tally.last
        if last is None or last.allowed or (exit_code == 0 and self._tally.admitted):
            return exit_code
        from corvus.cli.exits import show_denial

        return show_denial(last)


def _require_extra() -> None:
    """Import what the proxy is made of, before anything is opened.

    Raises:
        GatewayRefused: A library is missing.
    """
    try:
        for module in ("local", "proxy"):
            import_module(f"corvus.gateway.proxy.{module}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "corvus":
            raise  # no extra brings it: the installation is damaged
        raise GatewayRefused(
            f"the proxy needs {missing.name}: pip install 'corvus-policy[gateway]'"
        ) from None
