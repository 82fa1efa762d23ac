"""``corvus token``: who may ask the gateway, and for what (API-5).

A token is printed once, when it is made; afterwards nobody can read it again.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from corvus.answers.steering import TOKEN
from corvus.cli.common import is_terminal, json_text, warn_unused
from corvus.cli.options import Config, LedgerPath
from corvus.model.token import TokenScope

if TYPE_CHECKING:
    from corvus.model.token import Token
    from corvus.store.store import Store

app = typer.Typer(help="Access tokens of the gateway.", no_args_is_help=True)


class Format(StrEnum):
    """How tokens are shown."""

    TEXT = "text"
    KV = "kv"
    JSON = "json"


Output = Annotated[
    Format | None, typer.Option("--format", help="Default: text on a terminal, else kv.")
]


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
    config: Config = None,
    ledger: LedgerPath = None,
    output: Output = None,
) -> None:
    """Make a token and print it, this once.

    Example: corvus token create ci --scope read
    """
    from corvus.governor import tokens
    from corvus.model.token import TokenRequest, new_secret
    from corvus.runtime import local_actor

    secret = new_secret()
    wish = TokenRequest(name, scope, project, user, agent, session, mission)
    with _store(config, ledger) as store:
        try:
            made = store.run(lambda unit: tokens.create(unit, wish, secret, local_actor()))
        except ValueError as mistake:
            raise typer.BadParameter(str(mistake), param_hint="NAME") from None
    words = f"Keep it now: it is not shown again. {made.scope} token {made.name!r}{_of(made)}."
    _print([{**TOKEN.body(made), "token": secret}], output, [secret, words], is_one=True)


@app.command("list")
def list_(*, config: Config = None, ledger: LedgerPath = None, output: Output = None) -> None:
    """List all tokens, the revoked ones too; never the tokens themselves.

    Example: corvus token list
    """
    with _store(config, ledger) as store:
        known = store.run(lambda unit: [*unit.tokens().values()])
    lines = [
        f"{one.name}  {one.scope}{_of(one)}  {one.id}  "
        f"by {one.created_by}, {one.created_at:%Y-%m-%d %H:%M}"
        + (f", revoked {one.revoked_at:%Y-%m-%d %H:%M}" if one.revoked_at else "")
        for one in known
    ]
    _print(TOKEN.bodies(known), output, lines or ["no token"])


@app.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Its name or id.")],
    *,
    config: Config = None,
    ledger: LedgerPath = None,
    output: Output = None,
) -> None:
    """Revoke a token; a gateway that runs refuses it within a second.

    Example: corvus token revoke ci
    """
    from corvus.governor import tokens
    from corvus.runtime import local_actor

    with _store(config, ledger) as store:
        gone = store.run(lambda unit: tokens.revoke(unit, token, local_actor()))
    _print([TOKEN.body(gone)], output, [f"token {gone.name!r} is revoked"], is_one=True)


@contextmanager
def _store(config: Any, ledger: Any) -> Generator[Store]:
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or (), ledger=ledger)
    warn_unused(runtime)
    with runtime.bookkeeping.store() as store:
        yield store


def _of(token: Token) -> str:
    bound = token.bound._asdict().items()
    told = ", ".join(f"{name} {value}" for name, value in bound if value is not None)
    return f" of {told}" if told else ""


def _print(
    told: list[dict[str, Any]], output: Format | None, words: list[str], *, is_one: bool = False
) -> None:
    from corvus.answers.kv import kv_value
    from corvus.diagnostics.plain import escape

    match output or (Format.TEXT if is_terminal() else Format.KV):
        case Format.JSON:
            print(json_text(told[0] if is_one else told))
        case Format.TEXT:
            print("\n".join(escape(line) for line in words))
        case Format.KV if is_one:
            print("\n".join(f"{name}={kv_value(value)}" for name, value in told[0].items()))
        case Format.KV:
            for one in told:
                print(" ".join(f"{name}={kv_value(value)}" for name, value in one.items()))
