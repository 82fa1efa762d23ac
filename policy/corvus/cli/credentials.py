"""What a governed command is not given: keys that would pay for calls beyond its budgets (CLI-4).

A key that stays in the environment of an agent buys calls that no budget sees. So everything that
is known, or looks like, a credential of a model provider is withheld, and so are switches that lead
an agent past the proxy, and the password of a store that hosts share: whoever has it can write
balances. Files that agents, or clients of the store, log in from are left alone.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from corvus.cli.agents.leads import BYPASSES, run_keys
from corvus.config.layers.environment import PREFIX
from corvus.metering.providers import PROVIDERS

if TYPE_CHECKING:
    from corvus.model.gateway import Kind, Upstream

OWN_KEYS = tuple(run_keys(frozenset()))
"""Keys of the APIs that every command is led to the proxy for; kept under ``--pass-through``."""
LOG_INS = tuple(name for provider in PROVIDERS.values() for name in provider.log_in_variables)
"""By which agents log in themselves; like those above they are kept under ``--pass-through``."""

_KNOWN = frozenset(
    {
        "AICORE_SERVICE_KEY", "AI_GATEWAY_TOKEN", "ANTHROPIC_ADMIN_KEY",
        "ANTHROPIC_ENVIRONMENT_KEY", "ANTHROPIC_IDENTITY_TOKEN", "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_OPENAI_AD_TOKEN",
        "AZURE_OPENAI_KEY", "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR", "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
        "CLOUDSDK_AUTH_ACCESS_TOKEN", "COPILOT_GITHUB_TOKEN", "DATABRICKS_TOKEN",
        "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_ACCESS_TOKEN",
        "GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_PRIVATE_KEY", "HF_TOKEN",
        "HUGGINGFACEHUB_API_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_ADMIN_KEY",
        "OPENCODE_AUTH_CONTENT", "REPLICATE_API_TOKEN", "VERCEL_OIDC_TOKEN", "WATSONX_APIKEY",
        "WATSONX_TOKEN",
    }
)  # fmt: skip
_ENDINGS = ("_API_KEY", "_APIKEY", "_API_KEYS")
_AWS = "AWS_"
_HARMLESS_OF_AWS = frozenset(
    {
        "AWS_CA_BUNDLE", "AWS_DEFAULT_OUTPUT", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED",
        "AWS_EXECUTION_ENV", "AWS_MAX_ATTEMPTS", "AWS_PAGER", "AWS_REGION", "AWS_RETRY_MODE",
        "AWS_SDK_LOAD_CONFIG", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
    }
)  # fmt: skip
"""All that begins with ``AWS_`` is, or names, a credential, but for these and addresses."""
_ADDRESSES_OF_AWS = "AWS_ENDPOINT_URL"


def withheld(
    environment: Mapping[str, str],
    *,
    upstreams: Iterable[Upstream],
    secrets: Collection[str] = (),
    passed: Collection[str] = (),
    keeps_log_in: bool = False,
    log_in_of: Kind | None = None,
) -> tuple[str, ...]:
    """Return the variables that a command is not given, sorted.

    Args:
        environment: Of this process.
        upstreams: Whose keys the config names.
        secrets: Further variables that the config names, such as those of notifications.
        passed: Names that the user hands over by ``--pass-env``.
        keeps_log_in: Whether the command logs in by itself.
        log_in_of: With what alone, where the user did not ask for it: then no other key is kept.
    """
    kept = (*OWN_KEYS, *LOG_INS) if log_in_of is None else PROVIDERS[log_in_of].log_in_variables
    of_upstreams = {upstream.api_key_env for upstream in upstreams if upstream.api_key_env}
    of_config = of_upstreams | {*secrets}
    return tuple(
        name
        for name in sorted(environment)
        if name not in passed
        and (name in of_config or is_credential(name) or name.upper() in BYPASSES)
        and not (keeps_log_in and name in kept)
    )


STORE_PASSWORD = "PGPASSWORD"
"""Where the client of PostgreSQL finds the password that a URL does not have."""


def store_passwords(url: str, environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables that hold the password of a store.

    Args:
        url: Of the store that hosts share.
        environment: Of this process.

    Returns:
        By name, what a command may have of the variable: a setting of corvus, which then leads to
        the same store, without the password; of any other, ``None``, nothing.
    """
    from corvus.base.postgres_address import PostgresAddress

    given = PostgresAddress.of(url).password
    password = environment.get(STORE_PASSWORD) if given is None else given
    if not password:
        return {}
    log_ins = [f":{one}@" for one in (_written_password(url), password, quote(password, "")) if one]
    found: dict[str, str | None] = {}
    for name, text in environment.items():
        if text == password:
            found[name] = None
        elif any(log_in in text for log_in in log_ins):
            is_setting = name.upper().startswith(PREFIX)
            found[name] = _without(text, log_ins) if is_setting else None
    return found


def _written_password(url: str) -> str | None:
    """Return the password of a URL as it is written there; ``None`` when there is none."""
    authority = url.partition("://")[2].partition("#")[0].partition("?")[0].partition("/")[0]
    login, _, _ = authority.rpartition("@")
    return login.partition(":")[2] or None


def _without(text: str, log_ins: Iterable[str]) -> str:
    for log_in in log_ins:
        text = text.replace(log_in, "@")
    return text


def is_credential(name: str) -> bool:
    """Return whether a variable holds, or by its name may hold, the key of a model provider."""
    upper = name.upper()
    if upper.startswith(_AWS):
        return upper not in _HARMLESS_OF_AWS and not upper.startswith(_ADDRESSES_OF_AWS)
    return upper in _KNOWN or upper in LOG_INS or upper.endswith(_ENDINGS) or upper == "API_KEY"


_PR_SET_DUMPABLE = 4
_ENV_START, _ENV_END = 50, 51
"""Fields of ``/proc/PID/stat``, counted from 1.

Source:
    proc_pid_stat(5) and PR_SET_DUMPABLE(2const), Linux man-pages 6.9.
"""


def hide(names: Iterable[str], *, needed: Collection[str] = ()) -> None:
    """Remove variables from this process for good; elsewhere than on Linux only unset them.

    Args:
        names: Variables whose values nobody shall read here any more.
        needed: Those among them that this process itself still reads; others see them no more.
    """
    gone = {os.fsencode(name) for name in names}
    kept = {os.fsencode(name) for name in needed}
    for name in gone:
        value = os.environb.pop(name, None)
        if value is not None and name in kept:
            os.environb[name] = value  # a copy, outside of what /proc shows
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        with open("/proc/self/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        start, end = (int(fields[field - 3]) for field in (_ENV_START, _ENV_END))
    except (OSError, ValueError, IndexError):
        return  # no /proc here, so nobody reads it
    if 0 < start < end:
        _overwrite(start, end, gone)


def _overwrite(start: int, end: int, names: set[bytes]) -> None:
    """Blank the values of variables in the block of memory that ``/proc`` shows."""
    at = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name in names:
            ctypes.memset(at + len(name) + 1, 0, len(value))
        at += len(entry) + 1
