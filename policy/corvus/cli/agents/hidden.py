"""Which variables of a governed run its command does not get, and what is left of them (CLI-4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from corvus.base.errors import RunRefused
from corvus.cli.credentials import store_passwords, withheld
from corvus.config.layers.order import Layer

if TYPE_CHECKING:
    from corvus.cli.agents.run import RunRequest
    from corvus.model.gateway import GatewayOptions
    from corvus.runtime import Runtime

_STORE_URL = ("governance", "ledger", "url")


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is withheld from a command.

    Attributes:
        names: Variables, sorted.
        left: What the command gets of some of them all the same: a URL without its password.
    """

    names: tuple[str, ...]
    left: Mapping[str, str] = field(default_factory=dict[str, str])

    def left_of(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that the command gets."""
        kept = {name: text for name, text in environment.items() if name not in self.names}
        return kept | {**self.left}

    def shown(self, replaced: Collection[str]) -> list[str]:
        """Return what is withheld, for people.

        Args:
            replaced: Variables in whose place the command gets others.
        """
        return [
            f"the password in {name}" if name in self.left else name
            for name in self.names
            if name not in replaced
        ]


def hidden_of(
    runtime: Runtime,
    options: GatewayOptions,
    environment: Mapping[str, str],
    *,
    request: RunRequest,
    keeps_log_in: bool,
) -> Hidden:
    """Return what is withheld from the command of a run.

    Args:
        runtime: The config in force.
        options: Of the proxy of the run, whose upstreams have keys.
        environment: Of this process.
        request: What the command line asks for.
        keeps_log_in: Whether the command logs in by itself.
    """
    url, oidc = runtime.store_url, options.sign_in.oidc
    passwords = {} if url is None else store_passwords(url, environment)
    of_sign_in = [oidc.client_secret_env] if oidc and oidc.client_secret_env else []
    of_notices = [name for target in runtime.notify for name in target.variables]
    names = withheld(
        environment,
        upstreams=options.upstreams,
        secrets=[*of_notices, *of_sign_in, *passwords],
        passed=request.passed,
        keeps_log_in=keeps_log_in,
        log_in_of=request.log_in_of,
    )
    left = {name: rest for name, rest in passwords.items() if rest is not None and name in names}
    return Hidden(names, left)


def refuse_shown_password(runtime: Runtime) -> None:
    """Refuse a password of the store that the system shows to every command.

    Raises:
        RunRefused: It stands on the command line.
    """
    if password_layer(runtime) is Layer.COMMAND_LINE:
        raise RunRefused(
            "--set governance.ledger.url has a password, and any command can read the command "
            "line: put the URL into CORVUS_GOVERNANCE__LEDGER__URL, or the password into ~/.pgpass"
        )


def password_layer(runtime: Runtime) -> Layer | None:
    """Return which layer states a URL of the store with a password; ``None`` when none does."""
    if runtime.store_url is None:
        return None
    from corvus.base.postgres_address import PostgresAddress

    if not PostgresAddress.of(runtime.store_url).has_password:
        return None
    stated = (one.origin.layer for one in runtime.effective if one.route == _STORE_URL)
    return next(stated, None)
