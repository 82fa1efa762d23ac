"""What a governed command is not given: keys that would pay for calls beyond its budgets (CLI-4).

A key that stays in the environment of an agent buys calls that no budget sees. So everything that
is known, or looks like, a credential of a model provider is withheld, and so are switches that lead
an agent past the proxy. Files that agents log in from are left alone.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from corvus.metering.providers import PROVIDERS

if TYPE_CHECKING:
    from corvus.model.gateway import Upstream

RUN_KEYS = tuple(provider.key_variable for provider in PROVIDERS.values())
"""Get the key of the run: what the SDKs of the providers read."""
LOG_INS = tuple(name for provider in PROVIDERS.values() for name in provider.log_in_variables)
"""By which agents log in themselves; like those above they are kept under ``--pass-through``."""

_KNOWN = frozenset(
    {
        "AI_GATEWAY_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_KEY",
        "CLOUDSDK_AUTH_ACCESS_TOKEN", "DATABRICKS_TOKEN",
        "GOOGLE_APPLICATION_CREDENTIALS", "HF_TOKEN",
        "HUGGINGFACEHUB_API_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_ADMIN_KEY",
        "REPLICATE_API_TOKEN", "WATSONX_APIKEY", "WATSONX_TOKEN",
    }
)  # fmt: skip
_ENDINGS = ("_API_KEY", "_APIKEY", "_API_KEYS")
_PAST_THE_PROXY = {name for provider in PROVIDERS.values() for name in provider.bypass_variables}


def withheld(
    environment: Mapping[str, str],
    *,
    upstreams: Iterable[Upstream],
    secrets: Collection[str] = (),
    passed: Collection[str] = (),
    keeps_log_in: bool = False,
) -> tuple[str, ...]:
    """Return the variables that a command is not given, sorted.

    Args:
        environment: Of this process.
        upstreams: Whose keys the config names.
        secrets: Further variables that the config names, such as those of notifications.
        passed: Names that the user hands over by ``--pass-env``.
        keeps_log_in: Whether the command logs in to OpenAI or Anthropic by itself.
    """
    of_upstreams = {upstream.api_key_env for upstream in upstreams if upstream.api_key_env}
    of_config = of_upstreams | {*secrets}
    return tuple(
        name
        for name in sorted(environment)
        if name not in passed
        and (name in of_config or is_credential(name) or name.upper() in _PAST_THE_PROXY)
        and not (keeps_log_in and name in (*RUN_KEYS, *LOG_INS))
    )


def is_credential(name: str) -> bool:
    """Return whether a variable holds, or by its name may hold, the key of a model provider."""
    upper = name.upper()
    return upper in _KNOWN or upper in LOG_INS or upper.endswith(_ENDINGS) or upper == "API_KEY"


_PR_SET_DUMPABLE = 4
_ENV_START, _ENV_END = 50, 51
"""Fields of ``/proc/PID/stat``, counted from 1.

Source:
    proc_pid_stat(5) and PR_SET_DUMPABLE(2const), Linux man-pages 6.9.
"""


def hide(names: Iterable[str]) -> None:
    """Remove variables from this process for good; elsewhere than on Linux only unset them.

    Args:
        names: Variables whose values nobody shall read here any more.
    """
    gone = {os.fsencode(name) for name in names}
    for name in gone:
        os.environb.pop(name, None)
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
