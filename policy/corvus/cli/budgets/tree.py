"""``corvus cost tree``: who spent what in a session (SES-3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.answers.kv import kv_text
from corvus.answers.tree import TREE, session_tree
from corvus.base.money import usd_text
from corvus.cli.options import Config, LedgerPath, SessionProject, books_of
from corvus.cli.output import TableOrBody, console, emit, print_rows, shown

if TYPE_CHECKING:
    from corvus.answers.tree import Branch, SessionTree

REPORT = "spend/session-tree"
_INDENT = "  "
_HEADINGS = ("who", "calls", "tokens", "own cost USD", "with those below USD", "share")


def tree(
    *,
    session: Annotated[
        str, typer.Option("--session", envvar="CORVUS_SESSION_ID", help="The session.")
    ],
    project: SessionProject = None,
    config: Config = None,
    ledger: LedgerPath = None,
    output: TableOrBody = None,
) -> None:
    """Show who spent what in a session: its agents, and their sub-agents under what started them.

    Example: corvus cost tree --session 8db9c623…
    """
    from corvus.reporting.catalog import load_catalog
    from corvus.reporting.run import run_report

    report = load_catalog().find(REPORT)
    books = books_of(config, ledger)
    given = {"session": session, "project": project}
    with books.ledger(may_be_missing=ledger is None) as open_ledger:
        table = run_report(open_ledger.connection, report, given)
    found = session_tree(session, table.mappings())
    emit(output, lambda: TREE.body(found), lambda: _print(found), kv=lambda: _lines(found))


def _lines(found: SessionTree) -> Iterator[str]:
    yield f"session={kv_text(found.session_id)}"
    yield f"cost_usd={usd_text(found.whole.cost_nano_usd)}"
    yield f"tokens={found.whole.tokens}"
    yield f"requests={found.whole.calls}"
    for branch in found.branches:
        words = {
            "depth": branch.depth,
            "agent": kv_text(branch.agent) if branch.agent is not None else "none",
            "subagent": kv_text(branch.subagent) if branch.subagent is not None else "none",
            "requests": branch.own.calls,
            "tokens": branch.own.tokens,
            "own_cost_usd": usd_text(branch.own.cost_nano_usd),
            "cost_usd": usd_text(branch.whole.cost_nano_usd),
            "share_percent": _share(branch) or "unknown",
        }
        yield " ".join(f"{name}={value}" for name, value in words.items())


def _print(found: SessionTree) -> None:
    out = console()
    out.print(f"Session {shown(found.session_id)}", style="bold", markup=False)
    if not found.branches:
        out.print("no calls: nothing of this session is recorded", style="dim")
        return
    rows = [
        [
            shown(_INDENT * branch.depth + _name(branch)),
            f"{branch.own.calls:,}",
            f"{branch.own.tokens:,}",
            usd_text(branch.own.cost_nano_usd),
            usd_text(branch.whole.cost_nano_usd),
            f"{share} %" if (share := _share(branch)) else "",
        ]
        for branch in found.branches
    ]
    print_rows(out, _HEADINGS, rows, right=range(1, len(_HEADINGS)))
    whole = found.whole
    total = f"total {usd_text(whole.cost_nano_usd)} USD, {whole.calls:,} calls"
    out.print(total, style="bold")
    if whole.unpriced_calls:
        out.print(f"{whole.unpriced_calls:,} without a price", style="yellow")


def _name(branch: Branch) -> str:
    name = branch.agent if branch.subagent is None else branch.subagent
    return name if name is not None else "(none)"


def _share(branch: Branch) -> str:
    return "" if branch.share_percent is None else str(branch.share_percent)
