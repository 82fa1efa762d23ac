"""``corvus token``: who may ask the gateway, and for what (API-5).

A token is printed once, when it is made; afterwards nobody can read it again.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from corvus.answers.steering import TOKEN
from corvus.cli.options import Config, LedgerPath, has_books, require_books, require_named_books
from corvus.cli.output import TextOrBody, emit
from corvus.diagnostics.plain import escape
from corvus.model.token import TokenScope

if TYPE_CHECKING:
    from corvus.model.token import Token
    from corvus.store.store import Store

app = typer.Typer(help="Access tokens of the gateway.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Access tokens of the gateway."""


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is called in the audit.")],
    *,
    scope: Annotated[
        TokenScope,
        typer.Option(
            help="read: ask. proxy: make model calls. reserve: make and settle reservations of "
            "its own. admin: ask and change."
        ),
    ] = TokenScope.READ,
    project: Annotated[
        str | None, typer.Option(help="All its calls are of this project, whatever they say.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Who spends by it; without this, its name.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="All its calls are of this agent.")] = None,
    session: Annotated[str | None, typer.Option(help="All its calls are of this session.")] = None,
    mission: Annotated[str | None, typer.Option(help="All its calls are of this mission.")] = None,
    upstream: Annotated[
        str | None, typer.Option(help="All its calls go to this upstream of the config.")
    ] = None,
    config: Config = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Make a token and print it, this once.

    Example: corvus token create ci --scope read
    """
    from corvus.governor import tokens
    from corvus.model.token import TokenRequest, new_secret
    from corvus.runtime import local_actor, open_runtime

    secret = new_secret()
    request = TokenRequest(name, scope, project, user, agent, session, mission, upstream)
    runtime = open_runtime(config or (), ledger=ledger)
    require_named_books(runtime)
    _warn_unknown(upstream, [each.name for each in runtime.gateway.upstreams])
    with runtime.bookkeeping.store() as store:
        try:
            made = store.run(lambda unit: tokens.create(unit, request, secret, local_actor()))
        except ValueError as mistake:
            raise typer.BadParameter(str(mistake), param_hint="NAME") from None
    words = f"Keep it now: it is not shown again. {made.scope} token {made.name!r}{_of(made)}."
    emit(output, lambda: {**TOKEN.body(made), "token": secret}, lambda: _print(secret, words))


@app.command("list")
def list_(*, config: Config = None, ledger: LedgerPath = None, output: TextOrBody = None) -> None:
    """List all tokens, the revoked ones too; never the tokens themselves.

    Example: corvus token list
    """
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or (), ledger=ledger)
    require_named_books(runtime)
    known: list[Token] = []
    if has_books(runtime):
        with runtime.bookkeeping.store() as store:
            known = store.run(lambda unit: [*unit.tokens().values()])
    lines = [
        f"{token.name}  {token.scope}{_of(token)}  {token.id}  "
        f"by {token.created_by}, {token.created_at:%Y-%m-%d %H:%M}"
        + (f", revoked {token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else "")
        for token in known
    ]
    emit(output, lambda: TOKEN.bodies(known), lambda: _print(*(lines or ["no token"])))


@app.command("rotate")
def rotate(
    token: Annotated[str, typer.Argument(help="Its name or id.")],
    *,
    config: Config = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Revoke a token and print a new one of the same name, scope and bindings, this once.

    A gateway that runs refuses the old one within a second. Where its holder cannot change over at
    once, make another token with `--user` of the old one, and revoke the old one later.

    Example: corvus token rotate ci
    """
    from corvus.governor import tokens
    from corvus.model.token import new_secret
    from corvus.runtime import local_actor

    secret = new_secret()
    with _store(config, ledger) as store:
        made = store.run(lambda unit: tokens.rotate(unit, token, secret, local_actor()))
    words = f"Keep it now: it is not shown again. The old token {made.name!r} is revoked."
    emit(output, lambda: {**TOKEN.body(made), "token": secret}, lambda: _print(secret, words))


@app.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Its name or id.")],
    *,
    config: Config = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Revoke a token; a gateway that runs refuses it within a second.

    Example: corvus token revoke ci
    """
    from corvus.governor import tokens
    from corvus.runtime import local_actor

    with _store(config, ledger) as store:
        gone = store.run(lambda unit: tokens.revoke(unit, token, local_actor()))
    emit(output, lambda: TOKEN.body(gone), lambda: _print(f"token {gone.name!r} is revoked"))


def _warn_unknown(upstream: str | None, known: Sequence[str]) -> None:
    """Say on standard error that a config which has upstreams has none of this name."""
    if upstream is not None and known and upstream not in known:
        words = f"the config has no upstream {upstream!r}, but {', '.join(known)}"
        print(f"warning: {escape(words)}: calls by this token are refused", file=sys.stderr)


@contextmanager
def _store(config: Any, ledger: Any) -> Generator[Store]:
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or (), ledger=ledger)
    require_books(runtime)  # where nothing is, there is no token to change
    with runtime.bookkeeping.store() as store:
        yield store


def _of(token: Token) -> str:
    bound = {**token.bound._asdict(), "upstream": token.upstream}
    bindings = ", ".join(f"{name} {value}" for name, value in bound.items() if value is not None)
    return f" of {bindings}" if bindings else ""


def _print(*lines: str) -> None:
    for line in lines:
        print(escape(line))
