"""What Codex is given on its command line, and where its own log-in leads (CLI-4).

Codex reads no variable for the address of its provider, and would try again after a refusal. With
its own log-in it is told to use that at an address of ours: of a provider of its own it does not
compress what it sends, and it opens no websocket.

Source:
    Codex 0.171.0 before a local server, 2026-11-29; github.com/openai/codex,
    ``model_provider_info.rs``, for the address of a log-in by ChatGPT.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from corvus.metering.facts import Json, as_object
from corvus.model.gateway import Kind, Upstream

CHATGPT = "chatgpt"
"""Name of the upstream to which a log-in by ChatGPT leads; the config may have its own."""
_CHATGPT_URL = "https://chatgpt.com/backend-api/codex"
_AUTH_BYTES_MAX = 1_048_576
_PROVIDER = (
    'model_providers.corvus={{name="corvus",base_url="{base}",{credential},'
    'wire_api="responses",stream_max_retries=0,request_max_retries=0,supports_websockets=false}}'
)
_OF_THE_RUN = 'env_key="OPENAI_API_KEY"'
_OF_ITS_OWN = "requires_openai_auth=true"


def words(url: str, environment: Mapping[str, str], *, keeps_log_in: bool) -> list[str]:
    """Return what follows the name of Codex on the command line.

    Args:
        url: Where the proxy listens, without a version.
        environment: Of this process, as it was.
        keeps_log_in: Whether Codex keeps its own log-in.
    """
    base, credential = f"{url}/v1", _OF_ITS_OWN if keeps_log_in else _OF_THE_RUN
    if keeps_log_in and has_chatgpt_log_in(environment):
        base = f"{url}/{CHATGPT}/v1"
    settings = [
        'model_provider="corvus"',
        _PROVIDER.format(base=base, credential=credential),
        "features.enable_request_compression=false",
    ]
    return [word for setting in settings for word in ("-c", setting)]


def chatgpt_upstream() -> Upstream:
    """Return where calls of a log-in by ChatGPT go; it is only reached by its name in the path."""
    return Upstream(CHATGPT, _CHATGPT_URL, Kind.OPENAI, pass_through=True, models=())


def has_chatgpt_log_in(environment: Mapping[str, str]) -> bool:
    """Return whether Codex is logged in by ChatGPT, and has no key that would count before it.

    Args:
        environment: Of Codex.
    """
    if any(environment.get(name) for name in ("CODEX_API_KEY", "CODEX_ACCESS_TOKEN")):
        return False
    home = environment.get("CODEX_HOME") or str(Path(environment.get("HOME") or "~", ".codex"))
    said = _read(Path(home).expanduser() / "auth.json")
    if said.get("auth_mode") is not None:
        return str(said["auth_mode"]).lower() == "chatgpt"
    return bool(said.get("tokens")) and not said.get("OPENAI_API_KEY")


def _read(path: Path) -> Json:
    """Return what a log-in says of itself; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(_AUTH_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return as_object(said) or {}
