"""``corvus top``: budgets, calls under way, refusals and approvals, live on a terminal (CLI-7).

The view is in ``corvus.cli.everyday.top_view``; it looks at the store next to any writer, and
changes nothing but by the keys that decide a parked call.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.base.errors import GatewayRefused, ReportParameterInvalid
from corvus.cli.options import Config, LedgerPath, Sets, opened
from corvus.cli.output import is_terminal

if TYPE_CHECKING:
    from corvus.cli.everyday.live import Live
    from corvus.runtime import Runtime


class Source:
    """Where the view gets what it shows, and hands on what a person decides.

    Args:
        runtime: The config in force.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def read(self) -> Live | None:
        """Look at the store; ``None`` before the first call.

        Raises:
            StoreError: It is there and cannot be read.
        """
        from corvus.cli.everyday.live import live

        place = self.runtime.bookkeeping.place
        if not place.exists:
            return None
        with place.looking() as look:
            if not look.is_current:
                return None
            return live(look, self.runtime.policy, self.runtime.clock.now())

    def decide(self, approval_id: str, *, is_granted: bool) -> None:
        """Let a parked call pass once, or refuse it, as the local user.

        Raises:
            PolicyError: It cannot be decided.
        """
        from corvus.model.approval import ApprovalRequest
        from corvus.model.request import LOCAL, Surface
        from corvus.runtime import local_actor

        request = ApprovalRequest(
            approval_id, local_actor(), is_granted, LOCAL, surface=Surface.CLI
        )
        with self.runtime.steering() as governor:
            governor.decide_approval(request)


def top(
    *,
    interval: Annotated[
        float,
        typer.Option("--interval", min=0.5, max=60, help="Seconds between two looks."),
    ] = 2.0,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Watch budgets, calls under way, refusals and what waits for you, live.

    Keys: a lets the selected parked call pass once, d refuses it, r looks again, q ends.

    Example: corvus top --interval 1
    """
    if not is_terminal() or not sys.stdin.isatty():
        raise ReportParameterInvalid(
            "corvus top needs a terminal; for scripts: corvus cost budgets --format json"
        )
    try:
        from corvus.cli.everyday.top_view import Top
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "corvus":
            raise
        raise GatewayRefused(
            f"corvus top needs {missing.name}: pip install 'corvus-policy[top]'"
        ) from None
    Top(Source(opened(config, ledger, sets)), interval).run()
