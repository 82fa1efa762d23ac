"""``corvus gateway``: serves the admin API until it is asked to stop (API-5)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.cli.options import Config, LedgerPath, Sets, say_governing, warn_unlimited
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.runtime import Runtime


def gateway(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default: the config's.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port; 0 takes a free one; default: the config's.", min=0, max=65_535),
    ] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Serve proxy, admin API and dashboard; all need a token of `corvus token create`.

    Example: corvus gateway --port 8642
    """
    from corvus.base.errors import GatewayRefused
    from corvus.config.layers.locate import locate
    from corvus.runtime import open_runtime

    try:
        from corvus.gateway import serve
        from corvus.gateway.pages.app import Dashboard
        from corvus.gateway.service import ConfigFile
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "corvus":
            raise  # no extra brings it: the installation is damaged
        raise GatewayRefused(
            f"the gateway needs {missing.name}: pip install 'corvus-policy[gateway]'"
        ) from None

    def load() -> Runtime:
        return open_runtime(config or (), sets=sets or (), ledger=ledger)

    runtime = load()
    paths = locate([Path(name) for name in config or ()], environment=os.environ).paths
    address = host or runtime.gateway.host
    listening = serve.bind(runtime, address, runtime.gateway.port if port is None else port)
    shown = f"[{address}]" if ":" in address and not address.startswith("[") else address
    bound = listening.getsockname()[1]

    def tell() -> None:
        print(f"listening on http://{shown}:{bound}", file=sys.stderr, flush=True)
        say_governing(runtime)
        warn_unlimited(runtime)
        _warn_keyless(runtime)
        if sys.stderr.isatty():  # programs that read the log get it alone
            print(f"dashboard at http://{shown}:{bound}/dashboard", file=sys.stderr, flush=True)

    serve.serve(
        runtime,
        listening,
        file=ConfigFile(paths[-1], load) if paths else None,
        pages=Dashboard,
        on_ready=tell,
    )


def _warn_keyless(runtime: Runtime) -> None:
    """Say on standard error which upstreams have no key: their calls will be refused."""
    for upstream in runtime.gateway.upstreams:
        variable = upstream.api_key_env
        if variable and not upstream.pass_through and not os.environ.get(variable, "").strip():
            words = f"{variable} is not set: calls to {escape(upstream.name)} will be refused"
            print(f"warning: {words}", file=sys.stderr, flush=True)
