"""Makes refusals that LiteLLM's proxy answers with, and that nothing of LiteLLM repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corvus.base.errors import PolicyError
from corvus.clients.extras import imports_of
from corvus.clients.litellm_text import is_of_router

with imports_of("litellm"):
    import litellm


def with_status(refused: Exception) -> Exception:
    """Return a refusal with what LiteLLM's proxy and router read of an exception."""
    is_denied = hasattr(refused, "decision")
    status = 402 if is_denied else 503 if isinstance(refused, PolicyError) else 400
    code = getattr(refused, "code", "request_invalid").replace("-", "_")
    about = {"status_code": status, "message": str(refused), "type": code, "param": None}
    refused.__dict__.update(about)
    return refused


def final_refusal(refused: Exception, kwargs: Mapping[str, Any]) -> Exception:
    """Return a refusal that LiteLLM does not repeat.

    Outside a router it repeats what fails without a hook, and so without a hold; only a fault of an
    import it takes for final. So where it would repeat, the refusal is one of those, too.
    """
    if is_of_router(kwargs) or not (
        kwargs.get("num_retries") or kwargs.get("retry_policy") or litellm.num_retries
    ):
        return refused
    kind = type(refused)
    make: Any = type
    final: Any = make(kind.__name__, (kind, ImportError), {"__module__": kind.__module__})
    made = final.__new__(final, *refused.args)
    made.args = refused.args
    made.__dict__.update(refused.__dict__)
    return made
